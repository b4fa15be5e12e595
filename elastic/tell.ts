import { coveringNode, isReduced, isWhole } from './pieces.js';
import { type ExchangeState, piecesOf, type Turn } from './state.js';
import type { Status } from './status.js';
import { leafNode } from './tree.js';

/** Tells everybody how things stand here: at once when it changes what they should do, else as a heartbeat. */
export function tell(turn: Turn): void {
  const { state } = turn;
  if (state.view === undefined) return;
  const { leaving, finished, running } = outline(state);
  const urgent = JSON.stringify([
    ...[state.step, leaving, finished, running, state.done],
    ...[ownedHere(state), state.stalled, state.view.number],
  ]);
  if (urgent === state.told && state.nowMs - state.toldAtMs < state.rules.timing.heartbeatMs) return;
  const status = statusOf(state);
  turn.state = { ...state, sequence: status.sequence, toldAtMs: state.nowMs, told: urgent };
  const to = [...state.peers.keys()];
  if (to.length > 0) turn.effects.push({ kind: 'tell', to, status });
}

const outline = ({ activity, step, untilStep, running }: ExchangeState) => ({
  leaving: activity.kind === 'leaving' || activity.kind === 'ended',
  finished: step >= untilStep,
  running: running.filter((run) => run.step === step).map(({ leaf }) => leaf),
});

export function statusOf(state: ExchangeState): Status {
  const { step } = state;
  const summing = step < state.untilStep ? piecesOf(state, step) : undefined;
  const shards = summing === undefined ? [] : summing.shards.map((_, shard) => shard);
  const reducing = reducingHere(state);
  const lacks = (leaf: number) => reducing.some((shard) => coveringNode(summing!, shard, leafNode(leaf)) === undefined);
  return {
    sequence: state.sequence + 1,
    view: state.view?.number ?? 0,
    step,
    retains: oldestWhole(state),
    ...outline(state),
    spared: state.spared,
    parallel: state.parallel,
    rate: state.rate,
    done: state.done,
    reducing,
    missing: summing === undefined || reducing.length === 0 ? [] : summing.tree.leaves.filter(lacks),
    reduced: shards.filter((shard) => isReduced(summing!, shard)),
  };
}

function reducingHere(state: ExchangeState): number[] {
  if (state.step >= state.untilStep) return [];
  const pieces = piecesOf(state, state.step);
  return pieces.shards.flatMap((_, shard) => (reducesHere(state, shard) && !isReduced(pieces, shard) ? [shard] : []));
}

const ownedHere = ({ owners, self }: ExchangeState): readonly number[] =>
  owners.flatMap((owner, shard) => (owner === self ? [shard] : []));

const reducesHere = (state: ExchangeState, shard: number): boolean =>
  state.owners[shard] === state.self || (state.stalled && state.owners.length > 0);

/** The oldest step from which on all reduced shards up to here are still held. */
function oldestWhole({ pieces, step }: ExchangeState): number {
  let oldest = step;
  for (let before = pieces.get(step - 1); before !== undefined && isWhole(before); before = pieces.get(oldest - 1))
    oldest--;
  return oldest;
}

/** Why the current step is not committed yet, as data. */
export type Waiting =
  | { readonly code: 'ViewMissing' }
  | { readonly code: 'Admission' }
  | { readonly code: 'LeavesMissing'; readonly leaves: readonly number[] }
  | { readonly code: 'ReducedMissing'; readonly shards: readonly number[]; readonly owners: readonly string[] }
  | { readonly code: 'Applying' }
  | { readonly code: 'StateMissing'; readonly from: string }
  | { readonly code: 'Ended' };

export function waitingFor(state: ExchangeState): Waiting {
  if (state.view === undefined) return { code: 'ViewMissing' };
  if (state.activity.kind === 'applying') return { code: 'Applying' };
  if (state.activity.kind === 'restoring') return { code: 'StateMissing', from: state.activity.from };
  if (state.activity.kind !== 'summing' || state.step >= state.untilStep) return { code: 'Ended' };
  if (state.owners.length === 0) return { code: 'Admission' };
  const { missing, reduced } = statusOf(state);
  if (missing.length > 0) return { code: 'LeavesMissing', leaves: missing };
  const shards = state.owners.map((_, shard) => shard).filter((shard) => !reduced.includes(shard));
  return { code: 'ReducedMissing', shards, owners: [...new Set(shards.map((shard) => state.owners[shard]!))] };
}
