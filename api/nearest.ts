/** Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(replaced, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, beforeLast[j - 2]! + 1);
      row.push(best);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/**
 * Those of `names` that `written` may have meant, best first: same letters in another spelling (`learning_rate`), or a typo
 * of at most a third of the length.
 */
export function nearest(written: string, names: readonly string[], most = 3): string[] {
  const scored = names.map((name) => ({ name, distance: editDistance(plain(written), plain(name)) }));
  const close = scored.filter(({ name, distance }) => distance <= Math.max(1, Math.floor(plain(name).length / 3)));
  close.sort((a, b) => a.distance - b.distance);
  return close.slice(0, most).map(({ name }) => name);
}
