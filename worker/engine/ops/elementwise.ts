import type { TensorType, Value } from '../ir/graph.js';
import { broadcastShapes } from '../ir/shape.js';
import {
  bool,
  type Contribution,
  defineOp,
  float32,
  type OpCase,
  type OpDefinition,
  plain,
  type VjpContext,
} from './define.js';
import { map, zip } from './tensor.js';

/** What the unary and binary elementwise ops share: shapes, reference and emission follow from the scalar function. */
export function unary(
  name: string,
  parts: {
    f: (x: number) => number;
    /** Derivative times the cotangent, from x and y = f(x). */
    vjp: (context: VjpContext<unknown>, x: Value, y: Value) => Value;
    fill?: 'positive';
    cheap?: boolean;
    emit?: OpDefinition['emit'];
  },
): OpDefinition {
  const shape = [2, 5];
  return defineOp<Record<string, never>>({
    name,
    infer: ([x]) => [float32(x!.shape)],
    reference: ([x]) => [map(x!, parts.f)],
    vjp: (context) => [parts.vjp(context, context.inputs[0]!, context.outputs[0]!)],
    emit: parts.emit ?? plain(name),
    cheap: parts.cheap ?? false,
    cases: [
      { inputs: [parts.fill ? { shape, fill: parts.fill } : shape] },
      { inputs: [parts.fill ? { shape: [], fill: parts.fill } : []] },
    ],
  });
}

const pairs: readonly OpCase<Record<string, never>>[] = [
  {
    inputs: [
      [3, 4],
      [3, 4],
    ],
  },
  { inputs: [[2, 3, 4], [4]] },
  {
    inputs: [
      [2, 1, 4],
      [3, 1],
    ],
  },
  { inputs: [[2, 3], []] },
];

export function binary(
  name: string,
  f: (a: number, b: number) => number,
  vjp: (context: VjpContext<unknown>, a: Value, b: Value) => readonly Contribution[],
  options: { positiveRight?: boolean; cheap?: boolean } = {},
): OpDefinition {
  return defineOp<Record<string, never>>({
    name,
    infer: ([a, b]) => [{ dtype: a!.dtype, shape: broadcastShapes(a!.shape, b!.shape) }],
    reference: ([a, b]) => [zip([a!, b!], f)],
    vjp: (context) => vjp(context, context.inputs[0]!, context.inputs[1]!),
    emit: plain(name),
    cheap: options.cheap ?? false,
    cases: options.positiveRight
      ? pairs.map(({ inputs: [a, b] }) => ({
          inputs: [a!, { shape: b as readonly number[], fill: 'positive' as const }],
        }))
      : pairs,
  });
}

/** Comparisons and logic: boolean results, no gradient. */
export function comparison(
  name: string,
  f: (a: number, b: number) => boolean,
  dtype: TensorType['dtype'] = 'int32',
): OpDefinition {
  return defineOp<Record<string, never>>({
    name,
    infer: ([a, b]) => [bool(broadcastShapes(a!.shape, b!.shape))],
    reference: ([a, b]) => [zip([a!, b!], (left, right) => Number(f(left, right)))],
    stops: 'a truth value does not change with its inputs',
    emit: plain(name),
    cases: [
      {
        inputs: [
          { shape: [2, 3, 1], dtype, values: [0, 1, 1, 0, 1, 0] },
          { shape: [1, 4], dtype, values: [0, 1, 1, 0] },
        ],
      },
    ],
  });
}
