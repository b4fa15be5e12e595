/**
 * First-fit decreasing: items by falling size (ties by index), each into the first bin with room. Deterministic; within
 * 11/9 of the fewest bins. A tree of the bins' free space finds the first fit in log n.
 * @returns per bin the indices of its items, ascending; bins in order of their first item.
 */
export function firstFitDecreasing(sizes: readonly number[], capacity: number): readonly (readonly number[])[] {
  const order = sizes.map((_, index) => index).sort((a, b) => sizes[b]! - sizes[a]! || a - b);
  let leaves = 1;
  while (leaves < sizes.length) leaves *= 2;
  const free = new Int32Array(2 * leaves).fill(capacity);
  const bins: number[][] = [];
  for (const item of order) {
    const size = sizes[item]!;
    if (size > capacity) throw new RangeError(`an item of ${size} does not fit ${capacity}`);
    let node = 1;
    while (node < leaves) node = free[2 * node]! >= size ? 2 * node : 2 * node + 1;
    const bin = node - leaves;
    bins[bin] ??= [];
    bins[bin].push(item);
    free[node]! -= size;
    for (node >>= 1; node >= 1; node >>= 1) free[node] = Math.max(free[2 * node]!, free[2 * node + 1]!);
  }
  for (const bin of bins) bin.sort((a, b) => a - b);
  return bins.sort((a, b) => a[0]! - b[0]!);
}
