import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packageRoot } from '../../../common/root.js';
import type { DType, TensorType } from '../ir/graph.js';
import type { OpDefinition } from './define.js';
import { caseTensor, caseType, numbers, opGraph, runOn } from './harness.js';
import { ops } from './index.js';
import { interpret } from './interpret.js';
import type { Tensor } from './tensor.js';

/** float32 has 24 bits; these cases sum at most some dozen terms of size about 1. */
const float32Tolerance = 1e-5;
/** Central differences with step 1e-4 in float64: the cubic term leaves about 1e-8. */
const differenceTolerance = 1e-6;

interface Golden {
  readonly op: string;
  readonly attributes: object;
  readonly inputs: readonly ({
    readonly dtype: DType;
    readonly shape: readonly number[];
    readonly values: readonly number[];
  } | null)[];
  readonly outputs: readonly (readonly number[])[];
  readonly cotangents: readonly (readonly number[])[];
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}
const goldens = JSON.parse(readFileSync(join(packageRoot(), 'test/golden/ops.json'), 'utf8')) as readonly Golden[];

for (const op of ops.values())
  describe(op.name, () => {
    it('has cases, here and from PyTorch', () => {
      assert.ok(op.cases.length > 0);
      assert.ok(
        goldens.some((golden) => golden.op === op.name),
        'remake with test/golden/ops.py',
      );
    });
    for (const [index, { inputs, attributes = {} }] of op.cases.entries()) {
      const types = inputs.map(caseType);
      const tensors = named(
        'x',
        inputs.map((input, i) => input && caseTensor(input, 10 * index + i)),
      );
      const title = `case ${index} ${JSON.stringify(attributes)}`;

      it(`gives on ONNX Runtime what its reference gives, gradients too, ${title}`, async () => {
        const { graph } = opGraph(op, types, attributes);
        const all = new Map([...tensors, ...cotangents(graph)]);
        close(await runOn('cpu', graph, all), interpret(graph, ops, all), float32Tolerance);
      });
      it(`has the gradient that finite differences of the reference show, ${title}`, () => {
        checkDifferences(op, types, attributes, tensors);
      });
    }
    for (const [index, golden] of goldens.filter((entry) => entry.op === op.name).entries())
      it(`equals PyTorch, forward and backward, case ${index}`, async () => {
        const { graph } = opGraph(op, golden.inputs as readonly (TensorType | null)[], golden.attributes);
        const shapes = new Map(graph.inputs.map(({ name, value }) => [name, value.shape as readonly number[]]));
        const given = (name: string, values: readonly number[]) => ({
          shape: shapes.get(name)!,
          data: Float64Array.from(values),
        });
        const all = new Map([
          ...golden.inputs.flatMap((input, i) => (input ? [[`x${i}`, given(`x${i}`, input.values)] as const] : [])),
          ...golden.cotangents.map((values, i) => [`c${i}`, given(`c${i}`, values)] as const),
        ]);
        const results = await runOn('cpu', graph, all);
        for (const [i, values] of golden.outputs.entries())
          nearly(`y${i}`, results.get(`y${i}`)!.data, values, float32Tolerance);
        for (const [i, values] of Object.entries(golden.gradients))
          nearly(`d${i}`, results.get(`d${i}`)!.data, values, float32Tolerance);
      });
  });

/** sum(c * f(x + h d)) - sum(c * f(x - h d)) over 2 h against sum(gradient * d), for a direction d per input. */
function checkDifferences(
  op: OpDefinition,
  types: readonly (TensorType | null)[],
  attributes: object,
  tensors: ReadonlyMap<string, Tensor>,
): void {
  const { graph, differentiable } = opGraph(op, types, attributes);
  const seeds = cotangents(graph);
  const analytic = interpret(graph, ops, new Map([...tensors, ...seeds]));
  const open = graph.outputs.filter(({ name, value }) => name.startsWith('y') && value.dtype === 'float32');
  const along = (moved: ReadonlyMap<string, Tensor>): number => {
    const results = interpret(graph, ops, new Map([...moved, ...seeds]));
    let [sum, seed] = [0, 0];
    open.forEach(({ name }, i) => {
      if (op.saved?.includes(i)) return;
      const c = seeds.get(`c${seed++}`)!;
      results.get(name)!.data.forEach((value, at) => {
        sum += value * c.data[at]!;
      });
    });
    return sum;
  };
  const step = 1e-4;
  for (const i of differentiable) {
    const x = tensors.get(`x${i}`)!;
    const direction = numbers(900 + i, x.data.length);
    const moved = (by: number) =>
      new Map([...tensors, [`x${i}`, { shape: x.shape, data: x.data.map((v, at) => v + by * direction[at]!) }]]);
    const measured = (along(moved(step)) - along(moved(-step))) / (2 * step);
    const expected = analytic.get(`d${i}`)!.data.reduce((sum, value, at) => sum + value * direction[at]!, 0);
    const stopped = analytic.get(`d${i}`)!.data.every((value) => value === 0);
    if (stopped && op.stops !== undefined) continue;
    assert.ok(
      Math.abs(measured - expected) <= differenceTolerance * (1 + Math.abs(measured)),
      `d${i}: ${expected}, measured ${measured}`,
    );
  }
}

function named(prefix: string, values: readonly (Tensor | null)[]): ReadonlyMap<string, Tensor> {
  return new Map(values.flatMap((value, i) => (value ? [[`${prefix}${i}`, value] as const] : [])));
}

function cotangents(graph: ReturnType<typeof opGraph>['graph']): ReadonlyMap<string, Tensor> {
  const wanted = graph.inputs.filter(({ name }) => name.startsWith('c'));
  return new Map(
    wanted.map(({ name, value }, i) => {
      const shape = value.shape as readonly number[];
      return [
        name,
        {
          shape,
          data: numbers(
            500 + i,
            shape.reduce((a, b) => a * b, 1),
          ),
        },
      ];
    }),
  );
}

function close(actual: ReadonlyMap<string, Tensor>, expected: ReadonlyMap<string, Tensor>, tolerance: number): void {
  assert.deepEqual([...actual.keys()], [...expected.keys()]);
  for (const [name, { data }] of expected) nearly(name, actual.get(name)!.data, data, tolerance);
}

function nearly(name: string, actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  assert.equal(actual.length, expected.length, name);
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(actual[i]! - expected[i]!);
    assert.ok(
      difference <= tolerance * (1 + Math.abs(expected[i]!)),
      `${name}[${i}]: ${actual[i]}, expected ${expected[i]}`,
    );
  }
}
