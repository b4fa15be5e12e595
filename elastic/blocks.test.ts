import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { inBlocks } from './blocks.js';
import { buildTree, type Tree } from './tree.js';

const row = (length: number) => Array.from({ length }, (_, i) => i);

test('runs of five and one leaf are seven pieces instead of nine', () => {
  const tree = buildTree(row(16));
  const memberAt = inBlocks(tree, row(17), [5, 5, 5, 1])!;
  assert.equal(piecesOf(tree, memberAt), 7);
  assert.equal(piecesOf(tree, [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3]), 9);
});

test('equal leaves are parted exactly, whichever are absent', () => {
  const leaves = fc.uniqueArray(fc.nat({ max: 200 }), { minLength: 1, maxLength: 80 });
  fc.assert(
    fc.property(leaves, fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 8 }), (indices, wanted) => {
      const tree = buildTree(indices.sort((a, b) => a - b));
      const shares = fitted(wanted, indices.length);
      const memberAt = inBlocks(tree, row(indices.length + 1), shares)!;
      for (const [member, share] of shares.entries())
        assert.equal(memberAt.filter((at) => at === member).length, share, `${shares}: ${memberAt}`);
    }),
  );
});

test('leaves of unlike cost that do not add up are told', () => {
  const tree = buildTree(row(3));
  assert.equal(inBlocks(tree, [0, 2, 4, 6], [3, 3]), undefined);
  assert.deepEqual(inBlocks(tree, [0, 4, 5, 6], [4, 2]), [0, 1, 1]);
});

/** As many in all as there are leaves. */
function fitted(wanted: readonly number[], total: number): number[] {
  let left = total;
  const shares = wanted.map((share) => {
    const given = Math.min(share, left);
    left -= given;
    return given;
  });
  return [...shares, left];
}

/** Maximal subtrees whose leaves are all one member's. */
function piecesOf(tree: Tree, memberAt: readonly number[], node = tree.root): number {
  const { from, to, children } = tree.nodes.get(node)!;
  if (memberAt.slice(from, to).every((member) => member === memberAt[from])) return 1;
  return piecesOf(tree, memberAt, children![0]) + piecesOf(tree, memberAt, children![1]);
}
