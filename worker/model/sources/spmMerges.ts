/**
 * SentencePiece BPE keeps no merges: every split of a piece into two known pieces is one, ranked by the piece's score, then
 * by the length of its parts. The order of ties is that of transformers' own conversion, so that ids agree.
 */
export function mergesFromScores(tokens: readonly string[], scores: readonly number[]): [string, string][] {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const found: { left: string; right: string; score: number; leftLength: number; rightLength: number }[] = [];
  for (const [token, id] of ids) {
    const characters = [...token];
    const splits: typeof found = [];
    let left = '';
    for (let index = 1; index < characters.length; index++) {
      left += characters[index - 1]!;
      const right = token.slice(left.length);
      if (ids.has(left) && ids.has(right))
        splits.push({ left, right, score: scores[id] ?? 0, leftLength: index, rightLength: characters.length - index });
    }
    splits.sort((a, b) => ids.get(a.left)! - ids.get(b.left)! || ids.get(a.right)! - ids.get(b.right)!);
    found.push(...splits);
  }
  found.sort((a, b) => b.score - a.score || b.leftLength - a.leftLength || b.rightLength - a.rightLength);
  return found.map(({ left, right }) => [left, right]);
}
