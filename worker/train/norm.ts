export type Shard = readonly [start: number, end: number];

/**
 * Sum of squares of `vector[start, end)` in float64, in four interleaved lanes (a fixed order of additions, and four
 * independent chains for the processor). Cannot overflow: a float32 squared is below 2^256.
 */
export function sumOfSquares(vector: Float32Array, [start, end]: Shard): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let index = start;
  for (; index + 3 < end; index += 4) {
    const p = vector[index]!;
    const q = vector[index + 1]!;
    const r = vector[index + 2]!;
    const s = vector[index + 3]!;
    a += p * p;
    b += q * q;
    c += r * r;
    d += s * s;
  }
  for (; index < end; index++) a += vector[index]! * vector[index]!;
  return a + b + (c + d);
}

/** Euclidean norm over shards, added in their order. */
export function globalNorm(vector: Float32Array, shards: readonly Shard[]): number {
  let sum = 0;
  for (const shard of shards) sum += sumOfSquares(vector, shard);
  return Math.sqrt(sum);
}

/** torch.nn.utils.clip_grad_norm_: max / (norm + 1e-6), at most 1. */
export function clipCoefficient(norm: number, maxNorm: number | null): number {
  if (maxNorm === null) return 1;
  return Math.min(maxNorm / (norm + 1e-6), 1);
}
