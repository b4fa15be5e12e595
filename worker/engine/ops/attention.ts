import { fail } from '../../../api/errors.js';
import type { GraphBuilder } from '../ir/builder.js';
import type { Value } from '../ir/graph.js';
import { broadcastShapes, sameShape, shapeText } from '../ir/shape.js';
import { defineOp, float, float32, int } from './define.js';
import { map, product, softmaxOf, swapLast, zip } from './tensor.js';

interface AttentionAttributes {
  readonly scale: number;
  /** Keep no probabilities: the backward pass computes them again from q and k. */
  readonly recompute: boolean;
}

function probabilities(b: GraphBuilder, q: Value, k: Value, bias: Value | null, scale: number): Value {
  const scores = b.matmul(q, k, { transB: true, alpha: scale });
  return b.softmax(bias ? b.add(scores, bias) : scores);
}

/**
 * O = P V with P = softmax(scale Q K^T + bias): q `[..., m, d]`, k and v `[..., n, d]`, bias broadcastable to `[..., m, n]`.
 * Backward (Dao et al., arXiv 2205.14135, section 3.1 and B): dV = P^T dO, dP = dO V^T, D = rowsum(dO * O),
 * dS = P * (dP - D), dQ = scale dS K, dK = scale dS^T Q. D from O instead of rowsum(P * dP) reads d columns, not n.
 */
export const attention = defineOp<AttentionAttributes>({
  name: 'Attention',
  infer: ([q, k, v, bias], { recompute }) => {
    const p = [...q!.shape.slice(0, -1), k!.shape.at(-2)!];
    const fits = q!.shape.at(-1) === k!.shape.at(-1) && sameShape(k!.shape, v!.shape);
    if (!fits || (bias && (bias.dtype !== 'float32' || !sameShape(broadcastShapes(bias.shape, p), p))))
      fail('GraphInvalid', {
        what: `no attention of ${[q, k, v, bias].map((x) => x && shapeText(x.shape)).join(', ')}`,
      });
    return recompute ? [float32(q!.shape)] : [float32(q!.shape), float32(p)];
  },
  reference: ([q, k, v, bias], { scale, recompute }) => {
    const scores = map(product(q!, swapLast(k!)), (value) => scale * value);
    const p = softmaxOf(bias ? zip([scores, bias], (a, b) => a + b) : scores, scores.shape.length - 1);
    return recompute ? [product(p, v!)] : [product(p, v!), p];
  },
  vjp: ({ b, g, inputs: [q, k, v, bias], outputs: [o, kept], attributes: { scale } }) => {
    const p = kept ?? probabilities(b, q!, k!, bias ?? null, scale);
    const dv = b.matmul(p, g, { transA: true });
    const d = b.reduceSum(b.mul(g, o!), [o!.shape.length - 1]);
    const ds = b.mul(p, b.sub(b.matmul(g, v!, { transB: true }), d));
    return [b.matmul(ds, k!, { alpha: scale }), b.matmul(ds, q!, { transA: true, alpha: scale }), dv];
  },
  saved: [1],
  frozen: { 3: 'the bias masks other documents and the future' },
  emit: ({ e, inputs: [q, k, v, bias], outputs: [o, p], attributes: { scale }, types }) => {
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
    const soft = e.node('Softmax', [biased], { attributes: { axis: int(-1) }, ...(p ? { outputs: [p] } : {}) });
    e.node('MatMul', [soft, v!], { outputs: [o!] });
  },
  cases: [
    {
      inputs: [
        [2, 3, 4],
        [2, 5, 4],
        [2, 5, 4],
        [3, 5],
      ],
      attributes: { scale: 0.5, recompute: false },
    },
    { inputs: [[2, 2, 3, 4], [2, 2, 3, 4], [2, 2, 3, 4], null], attributes: { scale: 0.7, recompute: true } },
  ],
});
