import type { Value } from '../../engine/ir/graph.js';
import type { Forward } from './forward.js';

/** RMS norm over the last axis with the scale of that name. */
export const norm = (f: Forward, name: string, x: Value): Value =>
  f.b.rmsNorm(x, f.weight(`${name}.weight`), f.spec.rmsNormEps);

/** RMS norm per head (Qwen3's q_norm and k_norm): `x [N, heads * headDim]`, one scale `[headDim]` for all heads. */
export function headNorm(f: Forward, name: string, x: Value, heads: number): Value {
  const rows = x.shape[0]!;
  const perHead = f.b.reshape(x, [rows, heads, f.spec.headDim]);
  return f.b.reshape(norm(f, name, perHead), [rows, heads * f.spec.headDim]);
}
