import { type PieceKey, pieceName } from './event.js';
import { ownHome } from './home.js';
import { outlookOf } from './outlook.js';
import { coveringNode, isReduced } from './pieces.js';
import { changePeer, type ExchangeState, isReachable, type Peer, piecesOf, type Turn } from './state.js';
import { leafNode, leavesBelow } from './tree.js';

/** Sends what peers lack, as far as the window allows: reduced shards first, they let others commit. */
export function deliver(turn: Turn): void {
  const offer = offerOf(turn.state);
  if (offer === undefined) return;
  for (const [id, peer] of turn.state.peers) {
    let under = peer.sending.size;
    if (under >= turn.state.rules.timing.window) continue;
    for (const key of wantedBy(turn.state, id, offer)) {
      if (under++ >= turn.state.rules.timing.window) break;
      changePeer(turn, id, { sending: new Set(turn.state.peers.get(id)!.sending).add(pieceName(key)) });
      turn.effects.push({ kind: 'send', to: id, key });
    }
  }
}

/** What is held here for others, found once for all of them. */
export interface Offer {
  /** Reduced shards that go to everybody, oldest step first. */
  readonly toAll: readonly PieceKey[];
  /** An owner that is behind gets its own shards back. */
  readonly toOwner: ReadonlyMap<string, readonly PieceKey[]>;
  /** Shards of the current step of which partial sums are held, and their owners. */
  readonly partial: readonly number[];
  readonly partialOwners: ReadonlySet<string>;
  /** Leaves of this step that are being computed here, or will be. */
  readonly expected: () => ReadonlySet<number>;
}

/** Undefined when there is nothing to give. */
export function offerOf(state: ExchangeState): Offer | undefined {
  if (state.activity.kind === 'ended') return undefined;
  const toAll: PieceKey[] = [];
  const toOwner = new Map<string, PieceKey[]>();
  for (const step of [...state.pieces.keys()].sort((a, b) => a - b)) {
    if (step > state.step) continue;
    const pieces = state.pieces.get(step)!;
    for (let shard = 0; shard < state.rules.shards; shard++) {
      if (!isReduced(pieces, shard)) continue;
      const owner = state.owners[shard];
      const key = { step, shard, node: pieces.tree.root };
      // Owners push their shards; who leaves gives all it holds.
      if (owner === state.self || state.activity.kind === 'leaving') toAll.push(key);
      else if (owner !== undefined && step < state.step) toOwner.set(owner, [...(toOwner.get(owner) ?? []), key]);
    }
  }
  const partial = partialShards(state);
  if (toAll.length === 0 && toOwner.size === 0 && partial.length === 0) return undefined;
  let expected: ReadonlySet<number> | undefined;
  return {
    toAll,
    toOwner,
    partial,
    partialOwners: new Set(partial.map((shard) => state.owners[shard] ?? '')),
    expected: () => {
      expected ??= expectedHere(state);
      return expected;
    },
  };
}

function partialShards(state: ExchangeState): number[] {
  const { shards, tree } = piecesOf(state, Math.min(state.step, state.rules.steps - 1));
  if (state.step >= state.untilStep) return [];
  return shards.flatMap((held, shard) => (held.size > 0 && !held.has(tree.root) ? [shard] : []));
}

/** Pieces held here that this peer needs from here, most urgent first. */
export function wantedBy(state: ExchangeState, id: string, offer: Offer): PieceKey[] {
  const peer = state.peers.get(id)!;
  const back = offer.toOwner.get(id) ?? [];
  if (back.length === 0 && offer.toAll.length === 0 && !mayReduce(offer, id, peer)) return [];
  if (!isReachable(state, peer) || state.nowMs < peer.pausedUntilMs) return [];
  const { status } = peer;
  const lacks = ({ step, shard }: PieceKey) =>
    status === undefined || status.step < step || (status.step === step && !status.reduced.includes(shard));
  if (offer.toAll.length === 0 && back.length === 0) return partialsFor(state, id, peer, offer);
  const reduced = back.length === 0 ? offer.toAll : [...offer.toAll, ...back].sort((a, b) => a.step - b.step);
  return [...reduced.filter((key) => lacks(key) && isUnsent(peer, key)), ...partialsFor(state, id, peer, offer)];
}

const isUnsent = ({ delivered, sending }: Peer, key: PieceKey): boolean => {
  const name = pieceName(key);
  return !delivered.has(name) && !sending.has(name);
};

/** Partial sums go to owners, and to who says that it reduces. */
const mayReduce = ({ partial, partialOwners }: Offer, id: string, { status }: Peer): boolean =>
  partial.length > 0 && ((status !== undefined && status.reducing.length > 0) || partialOwners.has(id));

/** Partial sums of the current step go to whoever reduces the shard: by the view here, or by what the peer says. */
function partialsFor(state: ExchangeState, id: string, peer: Peer, { partial, expected }: Offer): PieceKey[] {
  const { step } = state;
  const { status } = peer;
  if (partial.length === 0 || (status !== undefined && (status.step > step || status.step < step - 1))) return [];
  const pieces = piecesOf(state, step);
  const keys: PieceKey[] = [];
  for (const shard of partial) {
    const asks = status?.step === step && status.reducing.includes(shard);
    if (state.owners[shard] !== id && !asks) continue;
    if (status?.step === step && status.reduced.includes(shard)) continue;
    for (const node of pieces.shards[shard]!.keys()) {
      const key = { step, shard, node };
      if (isUnsent(peer, key) && (state.stalled || !awaitsSibling(state, peer, key, expected))) keys.push(key);
    }
  }
  return keys;
}

/**
 * Its sibling will be whole here soon, and half of the traffic saved. Not so if the peer has a part of the sibling already:
 * then the two are never merged here.
 */
function awaitsSibling(state: ExchangeState, peer: Peer, key: PieceKey, expected: () => ReadonlySet<number>): boolean {
  const pieces = piecesOf(state, key.step);
  const { sibling } = pieces.tree.nodes.get(key.node)!;
  if (sibling === undefined || pieces.shards[key.shard]!.has(sibling)) return false;
  return leavesBelow(pieces.tree, sibling).every((leaf) => {
    const node = coveringNode(pieces, key.shard, leafNode(leaf));
    return node === undefined ? expected().has(leaf) : isUnsent(peer, { ...key, node });
  });
}

function expectedHere(state: ExchangeState): ReadonlySet<number> {
  if (state.activity.kind === 'leaving' || state.step >= state.untilStep) return new Set();
  const isOpen = outlookOf(state);
  const running = state.running.filter(({ step }) => step === state.step).map(({ leaf }) => leaf);
  const own = ownHome(state).map(({ index }) => index);
  return new Set([...running, ...own.filter(isOpen)]);
}
