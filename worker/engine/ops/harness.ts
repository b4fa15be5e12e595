import { GraphBuilder } from '../ir/builder.js';
import type { Graph, TensorType, Value } from '../ir/graph.js';
import { toOnnx } from '../onnx/model.js';
import { backward } from '../passes/backward.js';
import { createSession, type Feed } from '../session.js';
import type { CaseInput, OpDefinition, Provider } from './define.js';
import { ops } from './index.js';
import type { Tensor } from './tensor.js';

/** One op alone with its gradient, for the tests of all ops: inputs `x0..`, cotangents `c0..`, outputs `y0..` and `d0..`. */
export interface OpGraph {
  readonly graph: Graph;
  /** Indices of inputs that a gradient flows into. */
  readonly differentiable: readonly number[];
}

export function opGraph(op: OpDefinition, types: readonly (TensorType | null)[], attributes: object): OpGraph {
  const b = new GraphBuilder(ops);
  const inputs = types.map((type, i) => type && b.input(`x${i}`, type.dtype, type.shape));
  const outputs = b.apply(op.name, inputs, attributes as never);
  outputs.forEach((output, i) => {
    b.output(`y${i}`, output);
  });
  const differentiable = types.flatMap((type, i) => (type?.dtype === 'float32' && !op.frozen?.[i] ? [i] : []));
  const wanted = differentiable.map((i) => inputs[i] as Value);
  const open = outputs.filter((output, i) => output.dtype === 'float32' && !op.saved?.includes(i));
  const forward = b.build();
  const seeds = open.map((value, i) => ({ value, cotangent: b.input(`c${i}`, 'float32', value.shape) }));
  const gradients = backward(b, forward, ops, seeds, wanted);
  differentiable.forEach((i, at) => {
    b.output(`d${i}`, gradients.get(wanted[at]!)!);
  });
  return { graph: b.build(), differentiable };
}

/** Runs a graph without symbolic sizes on a provider; float32 results by output name. */
export async function runOn(
  provider: Provider,
  graph: Graph,
  inputs: ReadonlyMap<string, Tensor>,
): Promise<ReadonlyMap<string, Tensor>> {
  const session = await createSession(toOnnx(graph, ops, provider), { provider });
  try {
    const feeds = Object.fromEntries(graph.inputs.map(({ name, value }) => [name, feed(value, inputs.get(name)!)]));
    const results = Object.fromEntries(
      graph.outputs.map(({ name, value }) => {
        const shape = value.shape as readonly number[];
        return [name, feed(value, { shape, data: new Float64Array(shape.reduce((a, c) => a * c, 1)) })];
      }),
    );
    await session.run(feeds, results);
    return new Map(
      Object.entries(results).map(([name, { shape, data }]) => [
        name,
        { shape, data: Float64Array.from(data, Number) },
      ]),
    );
  } finally {
    await session.close();
  }
}

function feed({ dtype }: TensorType, { shape, data }: Tensor): Feed {
  switch (dtype) {
    case 'float32':
      return { dtype, shape, data: Float32Array.from(data) };
    case 'int32':
      return { dtype, shape, data: Int32Array.from(data) };
    case 'bool':
      return { dtype, shape, data: Uint8Array.from(data) };
    case 'int64':
      return { dtype, shape, data: BigInt64Array.from(data, (value) => BigInt(value)) };
  }
}

/** Numbers in [-1, 1) from a 32-bit xorshift: the tests' data. */
export function numbers(seed: number, count: number): Float64Array {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return Float64Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return Math.fround(state / 0x80000000);
  });
}

export function caseType(input: CaseInput): TensorType | null {
  if (input === null) return null;
  if (Array.isArray(input)) return { dtype: 'float32', shape: input };
  const described = input as Exclude<CaseInput, null | readonly number[]>;
  return { dtype: 'dtype' in described ? described.dtype : 'float32', shape: described.shape };
}

export function caseTensor(input: NonNullable<CaseInput>, seed: number): Tensor {
  const shape = caseType(input)!.shape as readonly number[];
  if (!Array.isArray(input) && 'values' in input)
    return { shape, data: Float64Array.from(input.values as readonly number[]) };
  const data = numbers(
    seed,
    shape.reduce((a, c) => a * c, 1),
  );
  return { shape, data: 'fill' in input ? data.map((value) => 0.5 + Math.abs(value)) : data };
}
