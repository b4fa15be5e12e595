import { coveringNode, coversLeaf, isReduced } from './pieces.js';
import { type ExchangeState, isAlive, piecesOf, type StepPieces } from './state.js';
import type { Status } from './status.js';
import { leafNode } from './tree.js';

/** Tells of a leaf of the current step: nobody alive computes or has computed it, and somebody who needs it lacks it. */
export type Outlook = (leaf: number) => boolean;

/** One look at all peers for all leaves: with hundreds of both, a look at each for each would take most of a turn. */
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
  const isSettled = settled(state, pieces);
  return (leaf) => taken[leaf] === 0 && !coversLeaf(pieces, leafNode(leaf)) && (state.stalled || !isSettled(leaf));
}

/** Every owner has it, as far as is known here: nobody need compute it again, even if its author is lost. */
function settled(state: ExchangeState, pieces: StepPieces): (leaf: number) => boolean {
  const lacking = new Map<string, ReadonlySet<number>>();
  const lacks = (owner: string, { missing }: Status, leaf: number): boolean => {
    const known = lacking.get(owner) ?? new Set(missing);
    lacking.set(owner, known);
    return known.has(leaf);
  };
  return (leaf) =>
    state.owners.every((owner, shard) => {
      if (isReduced(pieces, shard)) return true;
      if (owner === state.self) return coveringNode(pieces, shard, leafNode(leaf)) !== undefined;
      const status = state.peers.get(owner)?.status;
      if (status === undefined || status.step < state.step) return false;
      if (status.step > state.step || status.reduced.includes(shard)) return true;
      return status.reducing.includes(shard) && !lacks(owner, status, leaf);
    });
}
