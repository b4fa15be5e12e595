import { fail } from '../../../api/errors.js';
import type { GraphBuilder } from '../ir/builder.js';
import type { Value } from '../ir/graph.js';
import { broadcastShapes, sameShape, shapeText } from '../ir/shape.js';
import { defineOp, float, float32, int } from './define.js';
import { map, product, softmaxOf, swapLast, zip } from './tensor.js';

interface AttentionAttributes {
  readonly scale: number;
}

function probabilities(b: GraphBuilder, q: Value, k: Value, bias: Value | null, scale: number): Value {
  const scores = b.matmul(q, k, { transB: true, alpha: scale });
  return b.softmax(bias ? b.add(scores, bias) : scores);
}

/**
 * O = P V with P = softmax(scale Q K^T + bias): q `[..., m, d]`, k and v `[..., n, d]`, bias broadcastable to `[..., m, n]`.
 * Backward (Dao et al., arXiv 2205.14135, section 3.1 and B): dV = P^T dO, dP = dO V^T, D = rowsum(dO * O),
 * dS = P * (dP - D), dQ = scale dS K, dK = scale dS^T Q. D from O instead of rowsum(P * dP) reads d columns, not n.
 * P is computed again for the backward pass: kept, it is a third of the activations at 512 tokens and grows with their square;
 * again, it costs 4 % of a step. The bits are the same.
 */
export const attention = defineOp<AttentionAttributes>({
  name: 'Attention',
  infer: ([q, k, v, bias]) => {
    const p = [...q!.shape.slice(0, -1), k!.shape.at(-2)!];
    const fits = q!.shape.at(-1) === k!.shape.at(-1) && sameShape(k!.shape, v!.shape);
    if (!fits || (bias && (bias.dtype !== 'float32' || !sameShape(broadcastShapes(bias.shape, p), p))))
      fail('GraphInvalid', {
        what: `no attention of ${[q, k, v, bias].map((x) => x && shapeText(x.shape)).join(', ')}`,
      });
    return [float32(q!.shape)];
  },
  reference: ([q, k, v, bias], { scale }) => {
    const scores = map(product(q!, swapLast(k!)), (value) => scale * value);
    const p = softmaxOf(bias ? zip([scores, bias], (a, b) => a + b) : scores, scores.shape.length - 1);
    return [product(p, v!)];
  },
  vjp: ({ b, g, inputs: [q, k, v, bias], outputs: [o], attributes: { scale } }) => {
    const p = probabilities(b, q!, k!, bias ?? null, scale);
    const dv = b.matmul(p, g, { transA: true });
    const d = b.reduceSum(b.mul(g, o!), [o!.shape.length - 1]);
    const ds = b.mul(p, b.sub(b.matmul(g, v!, { transB: true }), d));
    return [b.matmul(ds, k!, { alpha: scale }), b.matmul(ds, q!, { transA: true, alpha: scale }), dv];
  },
  frozen: { 3: 'the bias masks other documents and the future' },
  emit: ({ e, inputs: [q, k, v, bias], outputs, attributes: { scale }, types }) => {
    const rank = types.inputs[0]!.shape.length;
    let scores: string;
    if (e.provider === 'webgpu') {
      const perm = Array.from({ length: rank }, (_, axis) => axis);
      perm.splice(-2, 2, rank - 1, rank - 2);
      const transposed = e.node('Transpose', [k!], { attributes: { perm: { type: 'ints', value: perm } } });
      scores = e.node('Mul', [e.node('MatMul', [q!, transposed]), e.float(scale)]);
    } else {
      const attributes = { transB: int(1), alpha: float(scale) };
      scores = e.node('FusedMatMul', [q!, k!], { domain: 'com.microsoft', attributes });
    }
    const biased = bias ? e.node('Add', [scores, bias]) : scores;
    const p = e.node('Softmax', [biased], { attributes: { axis: int(-1) } });
    e.node('MatMul', [p, v!], { outputs });
  },
  cases: [
    {
      inputs: [
        [2, 3, 4],
        [2, 5, 4],
        [2, 5, 4],
        [3, 5],
      ],
      attributes: { scale: 0.5 },
    },
    { inputs: [[2, 2, 3, 4], [2, 2, 3, 4], [2, 2, 3, 4], null], attributes: { scale: 0.7 } },
  ],
});
