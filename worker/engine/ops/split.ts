import { fail } from '../../../api/errors.js';
import { sizeOf } from '../ir/shape.js';
import { defineOp, int } from './define.js';
import { rearrange } from './tensor.js';

export const split = defineOp<{ readonly axis: number; readonly sizes: readonly number[] }>({
  name: 'Split',
  infer: ([x], { axis, sizes }) => {
    if (sizes.reduce((a, b) => a + b) !== x!.shape[axis])
      fail('GraphInvalid', { what: `parts ${sizes.join(', ')} do not add up to ${x!.shape[axis]}` });
    return sizes.map((size) => ({ dtype: x!.dtype, shape: x!.shape.map((dim, a) => (a === axis ? size : dim)) }));
  },
  reference: ([x], { axis, sizes }) => {
    let end = 0;
    return sizes.map((size) => {
      const start = end;
      end += size;
      return rearrange(
        x!,
        x!.shape.map((dim, a) => (a === axis ? size : dim)),
        (index) => index.map((p, a) => (a === axis ? p + start : p)),
      );
    });
  },
  vjp: ({ b, cotangents, outputs, attributes: { axis } }) => [
    b.concat(
      cotangents.map(
        (g, i) => g ?? b.constant(new Float32Array(sizeOf(outputs[i]!.shape)), outputs[i]!.shape as number[]),
      ),
      axis,
    ),
  ],
  emit: ({ e, inputs: [x], outputs, attributes: { axis, sizes } }) => {
    e.node('Split', [x!, e.ints(sizes)], { attributes: { axis: int(axis) }, outputs });
  },
  cheap: true,
  cases: [{ inputs: [[2, 6, 2]], attributes: { axis: 1, sizes: [1, 3, 2] } }],
});
