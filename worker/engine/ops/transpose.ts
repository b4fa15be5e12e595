import { defineOp, ints } from './define.js';
import { rearrange } from './tensor.js';

export const transpose = defineOp<{ readonly perm: readonly number[] }>({
  name: 'Transpose',
  infer: ([x], { perm }) => [{ dtype: x!.dtype, shape: perm.map((axis) => x!.shape[axis]!) }],
  reference: ([x], { perm }) => [
    rearrange(
      x!,
      perm.map((axis) => x!.shape[axis]!),
      (index) => x!.shape.map((_, axis) => index[perm.indexOf(axis)]!),
    ),
  ],
  vjp: ({ b, g, attributes: { perm } }) => [
    b.transpose(
      g,
      perm.map((_, axis) => perm.indexOf(axis)),
    ),
  ],
  emit: ({ e, inputs, outputs, attributes: { perm } }) => {
    e.node('Transpose', inputs, { attributes: { perm: ints(perm) }, outputs });
  },
  cheap: true,
  cases: [
    { inputs: [[2, 3, 4]], attributes: { perm: [2, 0, 1] } },
    { inputs: [[2, 3, 1, 4]], attributes: { perm: [0, 2, 1, 3] } },
  ],
});
