import { type PieceKey, pieceName } from './event.js';
import { type ExchangeState, type Held, piecesOf, type StepPieces, type Turn } from './state.js';
import { contains, type TreeNode } from './tree.js';

const own: Held = { hash: undefined, from: '' };

/** Takes a piece into the books: refused below a held ancestor, dropping held descendants, merging siblings. */
export function insertPiece(turn: Turn, key: PieceKey, copy: Held = own): 'taken' | 'covered' {
  const pieces = piecesOf(turn.state, key.step);
  const held = new Map(pieces.shards[key.shard]);
  if (coveringNode(pieces, key.shard, key.node) !== undefined) return 'covered';
  for (const node of held.keys()) {
    if (!contains(pieces.tree, key.node, node)) continue;
    held.delete(node);
    turn.effects.push({ kind: 'drop', key: { ...key, node } });
  }
  held.set(key.node, copy);
  setShard(turn, key.step, key.shard, held);
  mergeUpwards(turn, key.step, key.shard, key.node);
  return 'taken';
}

/** The held node that is `node` or an ancestor of it. */
export function coveringNode({ tree, shards }: StepPieces, shard: number, node: number): number | undefined {
  const held = shards[shard]!;
  for (let at: number | undefined = node; at !== undefined; at = tree.nodes.get(at)?.parent)
    if (held.has(at)) return at;
  return undefined;
}

/** Is this leaf inside a held node, for every shard? */
export function coversLeaf(pieces: StepPieces, node: number): boolean {
  return pieces.shards.every((_, shard) => coveringNode(pieces, shard, node) !== undefined);
}

/** Of each present leaf, by place, in how many shards it is inside a held node: one look at what is held, for all leaves. */
export function coverageOf({ tree, shards }: StepPieces): Uint32Array {
  const coverage = new Uint32Array(tree.leaves.length);
  for (const held of shards)
    for (const node of held.keys()) {
      // No held node is below another: none counts twice.
      const { from, to } = tree.nodes.get(node)!;
      for (let place = from; place < to; place++) coverage[place]!++;
    }
  return coverage;
}

export const isReduced = (pieces: StepPieces, shard: number): boolean => pieces.shards[shard]!.has(pieces.tree.root);

export const isWhole = (pieces: StepPieces): boolean => pieces.shards.every((_, shard) => isReduced(pieces, shard));

/** Replaces a held node and its held sibling by their sum, and so on upwards, as long as it saves work for the owner. */
function mergeUpwards(turn: Turn, step: number, shard: number, from: number): void {
  for (let at: number | undefined = from; at !== undefined; ) {
    const { tree, shards } = piecesOf(turn.state, step);
    const node: TreeNode = tree.nodes.get(at)!;
    const held = shards[shard]!;
    if (node.parent === undefined || !held.has(at) || !held.has(node.sibling!)) return;
    if (!mayMerge(turn.state, step, shard, node)) return;
    const [left, right] = tree.nodes.get(node.parent)!.children!;
    const next = new Map(held);
    next.delete(left);
    next.delete(right);
    next.set(node.parent, own);
    setShard(turn, step, shard, next);
    turn.effects.push({ kind: 'add', step, shard, left, right, into: node.parent });
    at = node.parent;
  }
}

/** What may be merged has changed: everything held is looked at again. */
export function mergeSiblings(turn: Turn, step: number, shard: number): void {
  for (const node of piecesOf(turn.state, step).shards[shard]!.keys()) mergeUpwards(turn, step, shard, node);
}

/** Whoever reduces the shard always merges. Others do not once the owner has one of the two: the other alone is enough. */
function mayMerge(state: ExchangeState, step: number, shard: number, { id, sibling }: TreeNode): boolean {
  const owner = state.owners[shard];
  if (owner === undefined || owner === state.self || state.stalled) return true;
  const peer = state.peers.get(owner);
  if (peer === undefined) return true;
  return [id, sibling!].every((node) => {
    const name = pieceName({ step, shard, node });
    return !peer.delivered.has(name) && !peer.sending.has(name);
  });
}

function setShard(turn: Turn, step: number, shard: number, held: ReadonlyMap<number, Held>): void {
  const pieces = piecesOf(turn.state, step);
  const shards = pieces.shards.map((old, index) => (index === shard ? held : old));
  turn.state = { ...turn.state, pieces: new Map(turn.state.pieces).set(step, { tree: pieces.tree, shards }) };
}

/** Notes what a peer's copy of a held piece hashes to, so that a third one can be compared without the bytes. */
export function noteCopy(turn: Turn, key: PieceKey, copy: Held): void {
  const held = new Map(piecesOf(turn.state, key.step).shards[key.shard]);
  held.set(key.node, copy);
  setShard(turn, key.step, key.shard, held);
}
