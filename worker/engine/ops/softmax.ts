import { defineOp, float32, int } from './define.js';
import { softmaxOf } from './tensor.js';

/** dx = y (g - sum(g y)). */
export const softmax = defineOp<{ readonly axis: number }>({
  name: 'Softmax',
  infer: ([x]) => [float32(x!.shape)],
  reference: ([x], { axis }) => [softmaxOf(x!, axis)],
  vjp: ({ b, g, outputs: [y], attributes: { axis } }) => [b.mul(y!, b.sub(g, b.reduceSum(b.mul(g, y!), [axis])))],
  emit: ({ e, inputs, outputs, attributes: { axis } }) => {
    e.node('Softmax', inputs, { attributes: { axis: int(axis) }, outputs });
  },
  cases: [
    { inputs: [[2, 3, 5]], attributes: { axis: 2 } },
    { inputs: [[4, 3]], attributes: { axis: 0 } },
  ],
});
