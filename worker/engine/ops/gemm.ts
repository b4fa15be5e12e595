import { fail } from '../../../api/errors.js';
import type { GraphBuilder } from '../ir/builder.js';
import type { Value } from '../ir/graph.js';
import { broadcastShapes, sameShape, shapeText } from '../ir/shape.js';
import { defineOp, float, float32, int } from './define.js';
import { product, swapLast, tensor, zip } from './tensor.js';

interface GemmAttributes {
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
  readonly beta: number;
}

/** A gradient that is a Gemm takes the sum of the other contributions as its C: no separate pass over memory. */
const accumulating =
  (b: GraphBuilder, left: Value, right: Value, options: { transA?: boolean; transB?: boolean; alpha: number }) =>
  (sum: Value | null): Value =>
    b.gemm(left, right, sum, options);

/** alpha a' b' + beta c for matrices; c `[m, n]` or what broadcasts to it. */
export const gemm = defineOp<GemmAttributes>({
  name: 'Gemm',
  infer: ([a, b, c], { transA, transB }) => {
    const [m, k] = transA ? [a!.shape[1]!, a!.shape[0]!] : [a!.shape[0]!, a!.shape[1]!];
    const [inner, n] = transB ? [b!.shape[1]!, b!.shape[0]!] : [b!.shape[0]!, b!.shape[1]!];
    const fits = a!.shape.length === 2 && b!.shape.length === 2 && k === inner;
    if (!fits || (c && !sameShape(broadcastShapes(c.shape, [m, n]), [m, n])))
      fail('GraphInvalid', { what: `no Gemm of ${[a, b, c].map((x) => x && shapeText(x.shape)).join(', ')}` });
    return [float32([m, n])];
  },
  reference: ([a, b, c], { transA, transB, alpha, beta }) => [
    zip(
      [product(transA ? swapLast(a!) : a!, transB ? swapLast(b!) : b!), c ?? tensor([])],
      (ab, add) => alpha * ab + beta * add,
    ),
  ],
  // Y = alpha A'B' + beta C: dA' = alpha g B'^T, dB' = alpha A'^T g; x W^T (transB) gives dx = Gemm(g, W), no transposes.
  vjp: ({ b: builder, g, inputs: [a, b], attributes: { transA, transB, alpha, beta }, needs }) => [
    transA
      ? accumulating(builder, b!, g, { transA: transB, transB: true, alpha })
      : accumulating(builder, g, b!, { transB: !transB, alpha }),
    transB
      ? accumulating(builder, g, a!, { transA: true, transB: transA, alpha })
      : accumulating(builder, a!, g, { transA: !transA, alpha }),
    needs[2] ? builder.mul(g, beta) : null,
  ],
  emit: ({ e, inputs: [a, b, c], outputs, attributes: { transA, transB, alpha, beta } }) => {
    const attributes = {
      transA: int(transA),
      transB: int(transB),
      alpha: float(alpha),
      ...(c ? { beta: float(beta) } : {}),
    };
    e.node('Gemm', c ? [a!, b!, c] : [a!, b!], { attributes, outputs });
  },
  cases: [
    { inputs: [[3, 4], [5, 4], null], attributes: { transA: false, transB: true, alpha: 1, beta: 1 } },
    {
      inputs: [
        [3, 4],
        [5, 4],
        [3, 5],
      ],
      attributes: { transA: false, transB: true, alpha: 0.5, beta: 1 },
    },
    { inputs: [[4, 3], [4, 5], [5]], attributes: { transA: true, transB: false, alpha: 2, beta: 0.5 } },
    {
      inputs: [
        [4, 3],
        [5, 4],
        [3, 5],
      ],
      attributes: { transA: true, transB: true, alpha: 1, beta: 1 },
    },
  ],
});
