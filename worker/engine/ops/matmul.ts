import { fail } from '../../../api/errors.js';
import { broadcastShapes, shapeText } from '../ir/shape.js';
import { defineOp, float, float32, int } from './define.js';
import { map, product, swapLast } from './tensor.js';

interface MatMulAttributes {
  readonly transA: boolean;
  readonly transB: boolean;
  readonly alpha: number;
}

/** alpha * a' b' over the last two axes, where ' swaps them if asked; outer axes broadcast. */
export const matMul = defineOp<MatMulAttributes>({
  name: 'MatMul',
  infer: ([a, b], { transA, transB }) => {
    const [m, k] = transA ? [a!.shape.at(-1)!, a!.shape.at(-2)!] : [a!.shape.at(-2)!, a!.shape.at(-1)!];
    const [inner, n] = transB ? [b!.shape.at(-1)!, b!.shape.at(-2)!] : [b!.shape.at(-2)!, b!.shape.at(-1)!];
    if (k !== inner || m === undefined || n === undefined)
      fail('GraphInvalid', { what: `no product of ${shapeText(a!.shape)} and ${shapeText(b!.shape)}` });
    return [float32([...broadcastShapes(a!.shape.slice(0, -2), b!.shape.slice(0, -2)), m, n])];
  },
  reference: ([a, b], { transA, transB, alpha }) => [
    map(product(transA ? swapLast(a!) : a!, transB ? swapLast(b!) : b!), (value) => alpha * value),
  ],
  // Y = alpha A'B': dA' = alpha g B'^T, dB' = alpha A'^T g; the transposes move into the flags.
  vjp: ({ b: builder, g, inputs: [a, b], attributes: { transA, transB, alpha }, needs }) => [
    needs[0]
      ? transA
        ? builder.matmul(b!, g, { transA: transB, transB: true, alpha })
        : builder.matmul(g, b!, { transB: !transB, alpha })
      : null,
    needs[1]
      ? transB
        ? builder.matmul(g, a!, { transA: true, transB: transA, alpha })
        : builder.matmul(a!, g, { transA: !transA, alpha })
      : null,
  ],
  emit: ({ e, inputs: [a, b], outputs, attributes: { transA, transB, alpha }, types }) => {
    if (!transA && !transB && alpha === 1) {
      e.node('MatMul', [a!, b!], { outputs });
      return;
    }
    if (e.provider !== 'webgpu') {
      const attributes = { transA: int(transA), transB: int(transB), alpha: float(alpha) };
      e.node('FusedMatMul', [a!, b!], { domain: 'com.microsoft', attributes, outputs });
      return;
    }
    // WebGPU has no FusedMatMul: transposes are nodes there.
    const swapped = (name: string, rank: number) => {
      const perm = Array.from({ length: rank }, (_, axis) => axis);
      perm.splice(-2, 2, rank - 1, rank - 2);
      return e.node('Transpose', [name], { attributes: { perm: { type: 'ints', value: perm } } });
    };
    const left = transA ? swapped(a!, types.inputs[0]!.shape.length) : a!;
    const right = transB ? swapped(b!, types.inputs[1]!.shape.length) : b!;
    if (alpha === 1) e.node('MatMul', [left, right], { outputs });
    else e.node('Mul', [e.node('MatMul', [left, right]), e.float(alpha)], { outputs });
  },
  cases: [
    {
      inputs: [
        [3, 4],
        [4, 5],
      ],
      attributes: { transA: false, transB: false, alpha: 1 },
    },
    {
      inputs: [
        [2, 3, 4],
        [2, 5, 4],
      ],
      attributes: { transA: false, transB: true, alpha: 0.5 },
    },
    {
      inputs: [
        [2, 1, 4, 3],
        [2, 4, 5],
      ],
      attributes: { transA: true, transB: false, alpha: 2 },
    },
    {
      inputs: [
        [2, 4, 3],
        [2, 5, 4],
      ],
      attributes: { transA: true, transB: true, alpha: 1 },
    },
  ],
});
