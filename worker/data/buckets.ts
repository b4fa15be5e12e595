import { fail } from '../../api/errors.js';

/**
 * Lengths that sequences are padded to: powers of two from 64 to the first that holds `maxTokens`, the last cut to
 * `maxTokens` rounded up to a multiple of 64 (the attention block).
 */
export function defaultBuckets(maxTokens: number): readonly number[] {
  const last = Math.ceil(maxTokens / 64) * 64;
  const buckets: number[] = [];
  for (let bucket = 64; bucket < last; bucket *= 2) buckets.push(bucket);
  return [...buckets, last];
}

/** The smallest bucket that holds `length` tokens. `buckets` ascend. */
export function bucketFor(length: number, buckets: readonly number[]): number {
  return (
    buckets.find((bucket) => bucket >= length) ??
    fail('Internal', { what: `no bucket holds ${length} tokens: the last is ${buckets.at(-1)}` })
  );
}
