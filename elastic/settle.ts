import { pickLeaf } from './assign.js';
import { catchUp, frontier } from './catchup.js';
import { deliver, offerOf, wantedBy } from './deliver.js';
import { homeOf } from './home.js';
import { ownersOf } from './ownership.js';
import { isWhole, mergeSiblings } from './pieces.js';
import {
  type Activity,
  abandonRunning,
  type ExchangeState,
  isAlive,
  isJoined,
  isReachable,
  piecesOf,
  type Turn,
} from './state.js';
import { tell } from './tell.js';

/**
 * What follows from the state, whatever event led to it. Everything here looks at levels, not at edges: a message lost is
 * a message sent again, and no order of events is assumed.
 */
export function settle(turn: Turn): void {
  if (turn.state.activity.kind === 'ended') {
    // Who has trained to the end says so as long as it can be asked: a late one takes its state instead of training alone.
    if (turn.state.step >= turn.state.rules.steps) tell(turn);
    return;
  }
  chooseOwners(turn);
  noticeStall(turn);
  commit(turn);
  release(turn);
  catchUp(turn);
  assign(turn);
  deliver(turn);
  askAdmission(turn);
  tell(turn);
  end(turn);
}

/**
 * Leaves and shards belong to the joined members that can be reached, whether or not the oracle has noticed yet; shards not
 * to those that are spared, unless all are.
 */
function chooseOwners(turn: Turn): void {
  const { state } = turn;
  const computing = (state.view?.members ?? [])
    .filter(
      ({ id, joined }) => joined && (id === state.self ? state.activity.kind !== 'leaving' : takesPart(state, id)),
    )
    .map(({ id }) => id);
  const able = computing.filter((id) => !(id === state.self ? state.spared : state.peers.get(id)?.status?.spared));
  const owning = able.length > 0 ? able : computing;
  const sameHomes = isSame(computing, state.computing);
  if (sameHomes && isSame(owning, state.owning) && state.owners.length > 0 === owning.length > 0) return;
  turn.state = { ...state, computing, owning, owners: ownersOf(owning, state.rules.shards) };
  if (!sameHomes && state.step < state.rules.steps) turn.state = { ...turn.state, home: homeOf(turn.state) };
  remerge(turn);
}

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((id, i) => id === b[i]);

/** One who has finished waits for no shard. */
function takesPart(state: ExchangeState, id: string): boolean {
  const peer = state.peers.get(id);
  const status = peer?.status;
  if (!isReachable(state, peer) || status?.leaving) return false;
  return !(status?.finished && state.step < state.untilStep);
}

/** Early pieces too: when their step begins, nothing may arrive any more that would have them looked at. */
function remerge(turn: Turn): void {
  const steps = [...turn.state.pieces.keys()].filter((step) => step >= turn.state.step);
  for (const step of steps)
    for (let shard = 0; shard < turn.state.rules.shards; shard++) mergeSiblings(turn, step, shard);
}

/**
 * Nothing has happened for long, although peers seem alive and somebody seems to have every leaf: connections are broken
 * in a way that cannot be seen from here. From now until the next commit this worker does without them. Time in which
 * others compute does not count: their sums have to be brought together first.
 */
function noticeStall(turn: Turn): void {
  const { state } = turn;
  const { stallMs } = state.rules.timing;
  if (state.stalled || state.activity.kind !== 'summing' || state.step >= state.untilStep) return;
  const quietMs = state.nowMs - Math.max(state.progressAtMs, state.othersBusyAtMs);
  if (!isJoined(state, state.self) || quietMs < stallMs / 2) return;
  if (isSomebodyBusy(state)) {
    turn.state = { ...state, othersBusyAtMs: state.nowMs };
    return;
  }
  if (quietMs < stallMs) return;
  turn.state = { ...state, stalled: true };
  remerge(turn);
}

/** Computes a leaf of this step, here or elsewhere, and not for ever. */
function isSomebodyBusy(state: ExchangeState): boolean {
  if (state.running.some(({ step }) => step === state.step)) return true;
  for (const peer of state.peers.values())
    if (
      peer.status?.step === state.step &&
      isAlive(state, peer) &&
      peer.claims.some(({ sinceMs }) => state.nowMs - sinceMs < 4 * state.rules.timing.stallMs)
    )
      return true;
  return false;
}

/** All reduced shards are here: the step is committed, whoever else has it. */
function commit(turn: Turn): void {
  const { state } = turn;
  if (state.activity.kind !== 'summing' || state.step >= state.untilStep) return;
  const pieces = piecesOf(state, state.step);
  if (!isWhole(pieces)) return;
  turn.state = { ...state, activity: { kind: 'applying' } };
  abandonRunning(turn);
  turn.effects.push({ kind: 'apply', step: state.step, root: pieces.tree.root });
}

/** Reduced shards stay until every member has committed their step, and never longer than some steps. */
function release(turn: Turn): void {
  const { state } = turn;
  let acknowledged = state.step;
  for (const { status } of state.peers.values()) acknowledged = Math.min(acknowledged, status?.step ?? 0);
  const oldest = Math.max(acknowledged, state.step - state.rules.timing.retainSteps);
  if (![...state.pieces.keys()].some((step) => step < oldest)) return;
  turn.state = { ...state, pieces: new Map([...state.pieces].filter(([step]) => step >= oldest)) };
  turn.effects.push({ kind: 'forget', beforeStep: oldest });
}

function assign(turn: Turn): void {
  while (isWorking(turn.state) && turn.state.running.length < turn.state.parallel) {
    const leaf = pickLeaf(turn.state);
    if (leaf === undefined) return;
    const { step, nowMs } = turn.state;
    turn.state = { ...turn.state, running: [...turn.state.running, { step, leaf, sinceMs: nowMs }] };
    turn.effects.push({ kind: 'compute', step, leaf });
  }
}

const isWorking = (state: ExchangeState): boolean =>
  state.activity.kind === 'summing' &&
  state.step < state.untilStep &&
  isJoined(state, state.self) &&
  (frontier(state) <= state.step || state.stalled);

function askAdmission(turn: Turn): void {
  const { state } = turn;
  if (state.view === undefined || isJoined(state, state.self) || state.activity.kind !== 'summing') return;
  // Where others train, one of them must have been heard first: it knows the step, and that we fit.
  const trained = [...state.peers].filter(([id]) => isJoined(state, id));
  if (trained.length > 0 && !trained.some(([, peer]) => peer.status !== undefined && isAlive(state, peer))) return;
  if (frontier(state) > state.step + 1 || state.nowMs - state.readyAtMs < state.rules.timing.retryMs) return;
  turn.state = { ...state, readyAtMs: state.nowMs };
  turn.effects.push({ kind: 'ready', step: state.step });
}

/** Ends when nobody needs anything from here, or when the time for handing over is over. */
function end(turn: Turn): void {
  const { state } = turn;
  if (state.activity.kind === 'leaving') leave(turn, state.activity);
  const done = state.view !== undefined && state.step >= state.untilStep && state.activity.kind === 'summing';
  if (!done || othersTakingPart(state).some(([, { status }]) => (status?.step ?? 0) < state.untilStep)) return;
  turn.state = { ...state, activity: { kind: 'ended' } };
  turn.effects.push({ kind: 'finished' });
}

function leave(turn: Turn, { sinceMs, applying }: Extract<Activity, { kind: 'leaving' }>): void {
  const { state } = turn;
  if (applying) return;
  const takers = othersTakingPart(state);
  const offer = offerOf(state);
  const handedOver = takers.every(
    ([id, { sending }]) => sending.size === 0 && (offer === undefined || wantedBy(state, id, offer).length === 0),
  );
  const toldIt = takers.length === 0 || state.toldAtMs >= sinceMs;
  if ((!handedOver || !toldIt) && state.nowMs - sinceMs < state.rules.timing.leaveMs) return;
  turn.state = { ...state, activity: { kind: 'ended' } };
  turn.effects.push({ kind: 'left' });
}

const othersTakingPart = (state: ExchangeState) =>
  [...state.peers].filter(([id, peer]) => isReachable(state, peer) && isJoined(state, id) && !peer.status?.leaving);
