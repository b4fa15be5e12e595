import { fail } from '../../../api/errors.js';
import { sameShape, shapeText } from '../ir/shape.js';
import { defineOp, float, float32, int } from './define.js';
import { reduce, zip } from './tensor.js';

/**
 * Zhang and Sennrich, arXiv 1910.07467: y = x r w, r = 1 / sqrt(mean(x^2) + epsilon), over the last axis of n elements.
 * dx = r (g w - x r^2 / n sum(g w x)). r is computed again in the backward pass: one cheap reduction.
 */
export const rmsNorm = defineOp<{ readonly epsilon: number }>({
  name: 'RmsNorm',
  infer: ([x, scale]) => {
    if (!sameShape(scale!.shape, x!.shape.slice(-1)))
      fail('GraphInvalid', { what: `a norm over ${shapeText(x!.shape)} with a scale ${shapeText(scale!.shape)}` });
    return [float32(x!.shape)];
  },
  reference: ([x, scale], { epsilon }) => {
    const n = x!.shape.at(-1)!;
    const squares = reduce(x!, [x!.shape.length - 1], true, 0, (sum, value) => sum + value * value);
    return [zip([x!, squares, scale!], (value, sum, s) => (value / Math.sqrt(sum / n + epsilon)) * s)];
  },
  vjp: ({ b, g, inputs: [x, scale], attributes: { epsilon }, needs }) => {
    const axis = x!.shape.length - 1;
    const n = x!.shape[axis] as number;
    const r = b.div(1, b.sqrt(b.add(b.mul(b.reduceSumSquare(x!, [axis]), 1 / n), epsilon)));
    const gw = b.mul(g, scale!);
    const along = b.mul(b.reduceSum(b.mul(gw, x!), [axis]), b.mul(b.mul(r, r), 1 / n));
    return [needs[0] ? b.mul(b.sub(gw, b.mul(x!, along)), r) : null, needs[1] ? b.mul(g, b.mul(x!, r)) : null];
  },
  // The second output of SimplifiedLayerNormalization is wrong on WebGPU: only the first is used.
  emit: ({ e, inputs, outputs, attributes: { epsilon } }) => {
    const attributes = { axis: int(-1), epsilon: float(epsilon), stash_type: int(1) };
    e.node('SimplifiedLayerNormalization', inputs, { attributes, outputs });
  },
  cheap: true,
  cases: [
    { inputs: [[3, 8], [8]], attributes: { epsilon: 1e-5 } },
    { inputs: [[2, 2, 3, 4], [4]], attributes: { epsilon: 1e-6 } },
  ],
});
