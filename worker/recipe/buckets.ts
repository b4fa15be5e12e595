/** Lengths are rounded up to this before buckets are chosen: whole vectors for the kernels, and little padding. */
const granularity = 8;
/** Every bucket is a session of its own: more of them cost more memory and start time than padding does. */
const mostBuckets = 3;
/** A further bucket must save this share of all padded tokens. */
const worthwhile = 0.05;

const rounded = (length: number): number => length + ((granularity - (length % granularity)) % granularity);

/** At most three lengths, ascending, that pad the given sequence lengths least; the last takes the longest. */
export function chooseBuckets(lengths: readonly number[]): readonly number[] {
  const counts = new Map<number, number>();
  for (const length of lengths) counts.set(rounded(length), (counts.get(rounded(length)) ?? 0) + 1);
  const sizes = [...counts.keys()].sort((a, b) => a - b);
  const upTo = sizes.map((size) => counts.get(size)!);
  for (let index = 1; index < upTo.length; index++) upTo[index]! += upTo[index - 1]!;
  // best[i]: the fewest padded tokens for all lengths up to sizes[i] with `used` buckets, the last of them sizes[i].
  let best = sizes.map((size, index) => ({ tokens: size * upTo[index]!, buckets: [size] }));
  let winner = best.at(-1)!;
  for (let used = 2; used <= mostBuckets; used++) {
    const previous = best;
    best = sizes.map((size, index) =>
      previous.slice(0, index).reduce((least, { tokens, buckets }, smaller) => {
        const padded = tokens + size * (upTo[index]! - upTo[smaller]!);
        return padded < least.tokens ? { tokens: padded, buckets: [...buckets, size] } : least;
      }, previous[index]!),
    );
    const candidate = best.at(-1)!;
    if (candidate.tokens < winner.tokens * (1 - worthwhile)) winner = candidate;
  }
  return winner.buckets;
}

/** The index of the smallest bucket that takes `length`; -1 when none does. */
export const bucketOf = (length: number, buckets: readonly number[]): number =>
  buckets.findIndex((bucket) => length <= bucket);
