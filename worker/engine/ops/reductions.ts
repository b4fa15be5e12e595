import { fail } from '../../../api/errors.js';
import type { Dim, TensorType } from '../ir/graph.js';
import { sizeOf } from '../ir/shape.js';
import { defineOp, float32, int, type OpDefinition } from './define.js';
import { map, reduce } from './tensor.js';

interface ReduceAttributes {
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

function reducedShape(x: TensorType, { axes, keepDims }: ReduceAttributes): Dim[] {
  if (axes.length === 0) fail('GraphInvalid', { what: 'a reduction names no axis' });
  if (keepDims) return x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));
  return x.shape.filter((_, axis) => !axes.includes(axis));
}

const countOf = (shape: readonly Dim[], axes: readonly number[]): number => sizeOf(axes.map((axis) => shape[axis]!));

function reduction(
  name: string,
  reference: OpDefinition<ReduceAttributes>['reference'],
  gradient: Pick<OpDefinition<ReduceAttributes>, 'vjp' | 'stops'>,
): OpDefinition {
  return defineOp<ReduceAttributes>({
    name,
    infer: ([x], attributes) => [float32(reducedShape(x!, attributes))],
    reference,
    ...gradient,
    emit: ({ e, inputs: [x], outputs, attributes: { axes, keepDims } }) => {
      e.node(name, [x!, e.ints(axes)], { attributes: { keepdims: int(keepDims) }, outputs });
    },
    cases: [
      { inputs: [[2, 3, 4]], attributes: { axes: [2], keepDims: true } },
      { inputs: [[2, 3, 4]], attributes: { axes: [0, 1], keepDims: false } },
    ],
  });
}

/** The cotangent with the reduced axes back as size 1, ready to broadcast. */
const kept = (x: TensorType, axes: readonly number[]): Dim[] =>
  x.shape.map((dim, axis) => (axes.includes(axis) ? 1 : dim));

export const reduceSum = reduction(
  'ReduceSum',
  ([x], { axes, keepDims }) => [reduce(x!, axes, keepDims, 0, (sum, value) => sum + value)],
  { vjp: ({ b, g, inputs: [x], attributes: { axes } }) => [b.expand(b.reshape(g, kept(x!, axes)), x!.shape)] },
);

export const reduceMean = reduction(
  'ReduceMean',
  ([x], { axes, keepDims }) => {
    const count = countOf(x!.shape, axes);
    return [
      map(
        reduce(x!, axes, keepDims, 0, (sum, value) => sum + value),
        (sum) => sum / count,
      ),
    ];
  },
  {
    vjp: ({ b, g, inputs: [x], attributes: { axes } }) => [
      b.expand(b.reshape(b.mul(g, 1 / countOf(x!.shape, axes)), kept(x!, axes)), x!.shape),
    ],
  },
);

export const reduceSumSquare = reduction(
  'ReduceSumSquare',
  ([x], { axes, keepDims }) => [reduce(x!, axes, keepDims, 0, (sum, value) => sum + value * value)],
  { vjp: ({ b, g, inputs: [x], attributes: { axes } }) => [b.mul(x!, b.mul(b.reshape(g, kept(x!, axes)), 2))] },
);

export const reduceMax = reduction(
  'ReduceMax',
  ([x], { axes, keepDims }) => [reduce(x!, axes, keepDims, Number.NEGATIVE_INFINITY, Math.max)],
  { stops: 'maxima only shift exponents, where their gradient cancels' },
);
