import { coverageOf, coveringNode, isReduced } from './pieces.js';
import { type ExchangeState, isAlive, piecesOf, type StepPieces } from './state.js';
import { leafNode } from './tree.js';

/** Something about each leaf of the current step. */
export type Outlook = (leaf: number) => boolean;

/**
 * Which leaves are open: nobody alive computes or has computed it, and somebody who needs it lacks it. One look at all peers
 * for all leaves: with hundreds of both, a look at each for each would take most of a turn.
 */
export function outlookOf(state: ExchangeState): Outlook {
  const pieces = piecesOf(state, state.step);
  const taken = new Uint8Array(pieces.tree.leaves.at(-1)! + 1);
  for (const { step, leaf } of state.running) if (step === state.step) taken[leaf] = 1;
  if (!state.stalled)
    for (const peer of state.peers.values()) {
      const { status } = peer;
      if (status?.step !== state.step || status.leaving || !isAlive(state, peer)) continue;
      for (const leaf of status.running) taken[leaf] = 1;
      for (const leaf of status.done) taken[leaf] = 1;
    }
  const covering = coverageOf(pieces);
  const isCovered = (leaf: number) => covering[pieces.tree.nodes.get(leafNode(leaf))!.from] === state.rules.shards;
  const isSettled = state.stalled ? () => false : settled(state, pieces);
  return (leaf) => taken[leaf] === 0 && !isCovered(leaf) && !isSettled(leaf);
}

/** Every owner has it, as far as is known here: nobody need compute it again, even if its author is lost. */
function settled(state: ExchangeState, pieces: StepPieces): Outlook {
  const haves: Outlook[] = [];
  for (const [shard, owner] of state.owners.entries()) {
    const has = isReduced(pieces, shard) ? 'all' : hadBy(state, pieces, owner, shard);
    if (has === 'none') return () => false;
    if (has !== 'all') haves.push(has);
  }
  return (leaf) => haves.every((has) => has(leaf));
}

/** Which leaves of a shard its owner has. */
function hadBy(state: ExchangeState, pieces: StepPieces, owner: string, shard: number): Outlook | 'all' | 'none' {
  if (owner === state.self) return (leaf) => coveringNode(pieces, shard, leafNode(leaf)) !== undefined;
  const status = state.peers.get(owner)?.status;
  if (status === undefined || status.step < state.step) return 'none';
  if (status.step > state.step || status.reduced.includes(shard)) return 'all';
  if (!status.reducing.includes(shard)) return 'none';
  let missing: ReadonlySet<number> | undefined;
  return (leaf) => {
    missing ??= new Set(status.missing);
    return !missing.has(leaf);
  };
}
