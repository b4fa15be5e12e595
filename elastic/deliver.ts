import { isOpen } from './assign.js';
import { type PieceKey, pieceName } from './event.js';
import { coveringNode, isReduced } from './pieces.js';
import { changePeer, type ExchangeState, isReachable, type Peer, piecesOf, type Turn } from './state.js';
import { leafNode, leavesBelow } from './tree.js';

/** Sends what peers lack, as far as the window allows: reduced shards first, they let others commit. */
export function deliver(turn: Turn): void {
  const expected = expectedHere(turn.state);
  for (const id of turn.state.peers.keys()) {
    for (const key of wantedBy(turn.state, id, expected)) {
      const peer = turn.state.peers.get(id)!;
      if (peer.sending.size >= turn.state.rules.timing.window) break;
      changePeer(turn, id, { sending: new Set(peer.sending).add(pieceName(key)) });
      turn.effects.push({ kind: 'send', to: id, key });
    }
  }
}

/** Pieces held here that this peer needs from here, most urgent first. */
export function wantedBy(state: ExchangeState, id: string, expected: ReadonlySet<number>): PieceKey[] {
  const peer = state.peers.get(id)!;
  if (!isReachable(state, id) || state.nowMs < peer.pausedUntilMs || state.activity.kind === 'ended') return [];
  const unsent = (key: PieceKey) => !peer.delivered.has(pieceName(key)) && !peer.sending.has(pieceName(key));
  return [...reducedFor(state, id, peer), ...partialsFor(state, id, peer, expected)].filter(unsent);
}

/** Reduced shards that this peer lacks, oldest step first. */
function reducedFor(state: ExchangeState, id: string, { status }: Peer): PieceKey[] {
  const keys: PieceKey[] = [];
  for (const step of [...state.pieces.keys()].sort((a, b) => a - b)) {
    if (step > state.step || (status !== undefined && step < status.step)) continue;
    const pieces = state.pieces.get(step)!;
    for (let shard = 0; shard < state.rules.shards; shard++) {
      if (!isReduced(pieces, shard)) continue;
      if (!pushes(state, step, shard, id)) continue;
      if (status?.step === step && status.reduced.includes(shard)) continue;
      keys.push({ step, shard, node: pieces.tree.root });
    }
  }
  return keys;
}

/** Owners push their shards. Who leaves gives all it holds; and an owner that is behind gets its own shard back. */
function pushes(state: ExchangeState, step: number, shard: number, to: string): boolean {
  const owner = state.owners[shard];
  return owner === state.self || state.activity.kind === 'leaving' || (owner === to && step < state.step);
}

/** Partial sums of the current step go to whoever reduces the shard: by the view here, or by what the peer says. */
function partialsFor(state: ExchangeState, id: string, peer: Peer, expected: ReadonlySet<number>): PieceKey[] {
  const { step } = state;
  const { status } = peer;
  if (step >= state.untilStep || (status !== undefined && (status.step > step || status.step < step - 1))) return [];
  const pieces = piecesOf(state, step);
  const keys: PieceKey[] = [];
  for (let shard = 0; shard < state.rules.shards; shard++) {
    const asks = status?.step === step && status.reducing.includes(shard);
    if ((state.owners[shard] !== id && !asks) || isReduced(pieces, shard)) continue;
    if (status?.step === step && status.reduced.includes(shard)) continue;
    for (const node of pieces.shards[shard]!.keys())
      if (state.stalled || !awaitsSibling(state, peer, { step, shard, node }, expected))
        keys.push({ step, shard, node });
  }
  return keys;
}

/**
 * Its sibling will be whole here soon, and half of the traffic saved. Not so if the peer has a part of the sibling already:
 * then the two are never merged here.
 */
function awaitsSibling(state: ExchangeState, peer: Peer, key: PieceKey, expected: ReadonlySet<number>): boolean {
  const pieces = piecesOf(state, key.step);
  const { sibling } = pieces.tree.nodes.get(key.node)!;
  if (sibling === undefined || pieces.shards[key.shard]!.has(sibling)) return false;
  return leavesBelow(pieces.tree, sibling).every((leaf) => {
    const node = coveringNode(pieces, key.shard, leafNode(leaf));
    if (node === undefined) return expected.has(leaf);
    const name = pieceName({ ...key, node });
    return !peer.delivered.has(name) && !peer.sending.has(name);
  });
}

/** Leaves of this step that are being computed here, or will be. */
export function expectedHere(state: ExchangeState): ReadonlySet<number> {
  if (state.activity.kind === 'leaving' || state.step >= state.untilStep) return new Set();
  const running = state.running.filter(({ step }) => step === state.step).map(({ leaf }) => leaf);
  const own = [...state.home].filter(([leaf, member]) => member === state.self && isOpen(state, leaf));
  return new Set([...running, ...own.map(([leaf]) => leaf)]);
}
