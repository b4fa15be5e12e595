import { fail } from '../../../api/errors.js';
import type { Dim } from '../ir/graph.js';
import { shapeText, staticShape } from '../ir/shape.js';
import { defineOp } from './define.js';

/** Product of the numbers and the sorted symbols: equal for shapes of one size. */
function sizeKey(shape: readonly Dim[]): string {
  const numbers = shape.filter((dim) => typeof dim === 'number').reduce((product, dim) => product * dim, 1);
  return [numbers, ...shape.filter((dim) => typeof dim === 'string').sort()].join('*');
}

export const reshape = defineOp<{ readonly shape: readonly Dim[] }>({
  name: 'Reshape',
  infer: ([x], { shape }) => {
    if (sizeKey(x!.shape) !== sizeKey(shape))
      fail('GraphInvalid', { what: `${shapeText(x!.shape)} has another size than ${shapeText(shape)}` });
    return [{ dtype: x!.dtype, shape }];
  },
  reference: ([x], { shape }) => [{ shape: staticShape(shape), data: x!.data }],
  vjp: ({ b, g, inputs: [x] }) => [b.reshape(g, x!.shape)],
  // ONNX: 0 copies the input's size at that axis (safe for empty tensors), one -1 is computed.
  emit: ({ e, inputs: [x], outputs, attributes: { shape }, types }) => {
    const target = shape.map((dim, axis) =>
      typeof dim === 'number' ? dim : types.inputs[0]!.shape[axis] === dim ? 0 : -1,
    );
    e.node('Reshape', [x!, e.ints(target)], { outputs });
  },
  cheap: true,
  cases: [{ inputs: [[2, 6]], attributes: { shape: [3, 2, 2] } }],
});
