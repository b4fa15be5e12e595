import { fail } from '../../../api/errors.js';
import type { Dim } from '../ir/graph.js';
import { shapeText } from '../ir/shape.js';
import { defineOp } from './define.js';
import { rearrange } from './tensor.js';

interface SliceAttributes {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
}

/** Of a symbolic size the part that exists: the result's size is a symbol of its own, named after the range. */
function sliced(dim: Dim, { start, end }: SliceAttributes): Dim {
  if (typeof dim === 'string') return `${dim}[${start}:${end}]`;
  if (start < 0 || end > dim || start > end) fail('GraphInvalid', { what: `no part ${start}:${end} of ${dim}` });
  return end - start;
}

export const slice = defineOp<SliceAttributes>({
  name: 'Slice',
  infer: ([x], attributes) => [
    { dtype: x!.dtype, shape: x!.shape.map((dim, axis) => (axis === attributes.axis ? sliced(dim, attributes) : dim)) },
  ],
  reference: ([x], { axis, start, end }) => [
    rearrange(
      x!,
      x!.shape.map((dim, a) => (a === axis ? end - start : dim)),
      (index) => index.map((position, a) => (a === axis ? position + start : position)),
    ),
  ],
  vjp: ({ b, g, inputs: [x], attributes: { axis, start, end } }) => {
    const dim = x!.shape[axis]!;
    if (typeof dim === 'string')
      return fail('GraphInvalid', { what: `no gradient through a part of ${shapeText(x!.shape)}` });
    return [b.one('Pad', [g], { axis, before: start, after: dim - end })];
  },
  emit: ({ e, inputs: [x], outputs, attributes: { axis, start, end } }) => {
    e.node('Slice', [x!, e.ints([start]), e.ints([end]), e.ints([axis])], { outputs });
  },
  cheap: true,
  cases: [
    { inputs: [[2, 5, 3]], attributes: { axis: 1, start: 1, end: 4 } },
    { inputs: [[4, 3]], attributes: { axis: 0, start: 0, end: 2 } },
  ],
});
