/** Cumulative counts by upper bound, as Prometheus writes a histogram; the last bound is infinite. */
export type Histogram = ReadonlyMap<number, number>;

/** Sums over every label but `le`. */
export function readHistogram(page: string, name: string): Histogram {
  const counts = new Map<number, number>();
  for (const line of page.split('\n')) {
    if (!line.startsWith(`${name}_bucket{`)) continue;
    const bound = /le="([^"]+)"/.exec(line)?.[1];
    const count = Number(line.slice(line.lastIndexOf(' ') + 1));
    const le = bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound);
    counts.set(le, (counts.get(le) ?? 0) + count);
  }
  return new Map([...counts].sort(([a], [b]) => a - b));
}

export const minus = (after: Histogram, before: Histogram): Histogram =>
  new Map([...after].map(([bound, count]) => [bound, count - (before.get(bound) ?? 0)]));

export const countOf = (histogram: Histogram): number => histogram.get(Number.POSITIVE_INFINITY) ?? 0;

/**
 * Linear within the bucket, as Prometheus' histogram_quantile has it; what lies above the last finite bound answers with that
 * bound. NaN of nothing.
 */
export function quantile(histogram: Histogram, share: number): number {
  const wanted = share * countOf(histogram);
  if (wanted === 0) return Number.NaN;
  let [lower, below] = [0, 0];
  for (const [bound, count] of histogram) {
    if (count >= wanted)
      return bound === Number.POSITIVE_INFINITY
        ? lower
        : lower + ((bound - lower) * (wanted - below)) / Math.max(1, count - below);
    [lower, below] = [bound, count];
  }
  return lower;
}
