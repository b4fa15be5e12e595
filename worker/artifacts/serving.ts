import type { RecipeMethod } from '../recipe/recipe.js';
import { type Adapter, type AdapterTensorValue, loraKey, loraPairs } from './adapter.js';

/** Ranks that vLLM has kernels for. */
export const servingRanks = [1, 8, 16, 32, 64, 128, 256, 320, 512] as const;

/**
 * The copy that every server reads right: one rank of vLLM's list (padded by zeros), the scale folded into B, alpha = r,
 * no rsLoRA. Undefined above rank 512.
 */
export function servingCopy(adapter: Adapter): Adapter | undefined {
  const pairs = loraPairs(adapter);
  const needed = Math.max(...pairs.map(({ rank }) => rank));
  const rank = servingRanks.find((one) => one >= needed);
  if (rank === undefined) return undefined;
  return scaleInto(
    adapter.method,
    pairs.map((pair) => ({ ...pair, scale: adapter.method.scale })),
    rank,
  );
}

/** Pads every pair to `rank` and multiplies B by its scale: delta W = B' A', up to one rounding of each value of B'. */
export function scaleInto(
  method: RecipeMethod,
  pairs: readonly {
    readonly path: string;
    readonly scale: number;
    readonly a: AdapterTensorValue;
    readonly b: AdapterTensorValue;
  }[],
  rank: number,
): Adapter {
  const tensors = new Map<string, AdapterTensorValue>();
  for (const { path, scale, a, b } of pairs) {
    tensors.set(loraKey(path, 'A'), padRows(a, rank));
    tensors.set(loraKey(path, 'B'), padColumns(b, rank, scale));
  }
  return { method: { ...method, rank, alpha: rank, scale: 1, rsLora: false }, tensors };
}

/** [r, in] -> [rank, in]. */
function padRows({ shape, data }: AdapterTensorValue, rank: number): AdapterTensorValue {
  const padded = new Float32Array(rank * shape[1]!);
  padded.set(data);
  return { shape: [rank, shape[1]!], data: padded };
}

/** [out, r] -> [out, rank], times `scale`. */
function padColumns({ shape, data }: AdapterTensorValue, rank: number, scale: number): AdapterTensorValue {
  const [rows, columns] = shape as [number, number];
  const padded = new Float32Array(rows * rank);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      padded[row * rank + column] = scale * data[row * columns + column]!;
  return { shape: [rows, rank], data: padded };
}
