import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTree, leavesBelow, nodeName, type Tree } from './tree.js';

const shape = (tree: Tree, node = tree.root): string => {
  const { children } = tree.nodes.get(node)!;
  return children ? `(${shape(tree, children[0])} ${shape(tree, children[1])})` : String(node / 2);
};
const upTo = (count: number) => Array.from({ length: count }, (_, leaf) => leaf);

test('the left subtree takes the largest power of two below the number of leaves', () => {
  assert.deepEqual(
    [1, 2, 3, 5, 6, 7].map((count) => shape(buildTree(upTo(count)))),
    ['0', '(0 1)', '((0 1) 2)', '(((0 1) (2 3)) 4)', '(((0 1) (2 3)) (4 5))', '(((0 1) (2 3)) ((4 5) 6))'],
  );
});

test('an absent leaf is skipped: its parent is its sibling, and no other node changes', () => {
  assert.equal(shape(buildTree([0, 1, 3, 4, 6])), '(((0 1) 3) (4 6))');
  assert.equal(shape(buildTree([5])), '5');
});

test('nodes keep their numbers whichever leaves are absent', () => {
  const [whole, thinned] = [buildTree(upTo(8)), buildTree([0, 2, 3, 7])];
  assert.deepEqual([whole.root, thinned.root], [7, 7]);
  assert.deepEqual(leavesBelow(whole, 3), [0, 1, 2, 3]);
  assert.deepEqual(leavesBelow(thinned, 3), [0, 2, 3]);
  assert.equal(nodeName(whole, 3), '[0,4)');
});
