import type { Dim } from '../ir/graph.js';
import { broadcastShapes, staticShape } from '../ir/shape.js';
import { defineOp } from './define.js';
import { rearrange } from './tensor.js';

export const expand = defineOp<{ readonly shape: readonly Dim[] }>({
  name: 'Expand',
  infer: ([x], { shape }) => [{ dtype: x!.dtype, shape: broadcastShapes(x!.shape, shape) }],
  reference: ([x], { shape }) => [
    rearrange(x!, broadcastShapes(x!.shape, staticShape(shape)) as number[], (index) => index),
  ],
  vjp: ({ g }) => [g],
  emit: ({ e, inputs: [x], outputs, types }) => {
    e.node('Expand', [x!, e.ints(staticShape(types.outputs[0]!.shape))], { outputs });
  },
  cases: [{ inputs: [[2, 1, 3]], attributes: { shape: [2, 4, 3] } }],
});
