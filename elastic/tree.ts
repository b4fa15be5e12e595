/**
 * The summation tree of one step: over M leaves the left subtree takes the largest power of two below M, and so on down.
 * That is the binary trie of the leaf indices, so M itself need not be known: two leaves part at the highest bit in which
 * they differ. An absent leaf is skipped, never added as zero: its parent is its sibling.
 */
export interface Tree {
  readonly root: number;
  /** Present leaves, ascending. */
  readonly leaves: readonly number[];
  readonly nodes: ReadonlyMap<number, TreeNode>;
}

/** Leaf `i` is node `2 i`; the node that parts leaves below `m` from the others is node `2 m - 1`. */
export interface TreeNode {
  readonly id: number;
  /** The present leaves below it are `tree.leaves.slice(from, to)`. */
  readonly from: number;
  readonly to: number;
  readonly children?: readonly [number, number];
  readonly parent?: number;
  readonly sibling?: number;
}

export const leafNode = (leaf: number): number => 2 * leaf;

export function buildTree(leaves: readonly number[]): Tree {
  if (leaves.length === 0) throw new RangeError('a summation tree has at least one leaf');
  const nodes = new Map<number, TreeNode>();
  const root = grow(0, leaves.length);
  return { root, leaves, nodes };

  function grow(from: number, to: number): number {
    const first = leaves[from]!;
    if (to - from === 1) {
      nodes.set(leafNode(first), { id: leafNode(first), from, to });
      return leafNode(first);
    }
    const last = leaves[to - 1]!;
    const bit = 31 - Math.clz32(first ^ last);
    const middle = (last >>> bit) << bit;
    let split = from;
    while (leaves[split]! < middle) split++;
    const left = grow(from, split);
    const right = grow(split, to);
    const id = 2 * middle - 1;
    nodes.set(id, { id, from, to, children: [left, right] });
    nodes.set(left, { ...nodes.get(left)!, parent: id, sibling: right });
    nodes.set(right, { ...nodes.get(right)!, parent: id, sibling: left });
    return id;
  }
}

/** Is `inner` the node `outer` or below it? */
export function contains(tree: Tree, outer: number, inner: number): boolean {
  const a = tree.nodes.get(outer);
  const b = tree.nodes.get(inner);
  return a !== undefined && b !== undefined && a.from <= b.from && b.to <= a.to;
}

export function leavesBelow(tree: Tree, node: number): readonly number[] {
  const { from, to } = tree.nodes.get(node)!;
  return tree.leaves.slice(from, to);
}

/** `[2,4)` for an inner node over leaves 2 and 3, `5` for a leaf: the stable name in logs and transcripts. */
export function nodeName(tree: Tree, node: number): string {
  const { from, to } = tree.nodes.get(node)!;
  const first = tree.leaves[from]!;
  return to - from === 1 ? String(first) : `[${first},${tree.leaves[to - 1]! + 1})`;
}
