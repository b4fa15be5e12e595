import { type PieceKey, pieceName } from './event.js';
import { isReduced } from './pieces.js';
import {
  abandonRunning,
  changePeer,
  type ExchangeState,
  isAlive,
  isJoined,
  isReachable,
  type Peer,
  piecesOf,
  type Turn,
} from './state.js';

/** The highest step that a reachable member is known to have reached. */
export function frontier(state: ExchangeState): number {
  let highest = 0;
  for (const [id, peer] of state.peers)
    if (peer.status !== undefined && peer.status.step > highest && isAlive(state, peer) && isJoined(state, id))
      highest = peer.status.step;
  return highest;
}

/** Who is behind fetches the reduced shards of its step where they are still kept, else the whole state. */
export function catchUp(turn: Turn): void {
  const { state } = turn;
  if (state.activity.kind !== 'summing' || state.view === undefined) return;
  if (frontier(state) > state.step && !isRetained(state)) fetchState(turn);
  else if (state.nowMs - state.progressAtMs >= state.rules.timing.retryMs) fetchReduced(turn);
}

/** Somebody who is ahead still has all of our step: it can be finished by shards. */
const isRetained = (state: ExchangeState): boolean =>
  [...state.peers.values()].some(
    (peer) =>
      peer.status !== undefined &&
      isAlive(state, peer) &&
      peer.status.retains <= state.step &&
      state.step < peer.status.step,
  );

function fetchState(turn: Turn): void {
  const { state } = turn;
  const from = [...state.peers]
    .filter(([id, peer]) => isReachable(state, peer) && isJoined(state, id) && state.nowMs >= peer.pausedUntilMs)
    .filter(([, { status }]) => status !== undefined && status.step > state.step)
    .sort(([, a], [, b]) => b.status!.step - a.status!.step)[0];
  if (from === undefined) return;
  turn.state = { ...state, activity: { kind: 'restoring', from: from[0], floor: from[1].status!.step } };
  // They are of a step that is over elsewhere, and one that has not begun yet would find another step's state.
  abandonRunning(turn);
  turn.effects.push({ kind: 'restore', from: from[0] });
}

/**
 * An owner that can be reached sends its shards by itself, however slow we are: asked as well they would come twice. Not one
 * that is ahead and keeps our step no longer.
 */
const ownersPatience = 8;

/** Nothing has come for a while: the reduced shards that others hold are asked for, spread over all who have them. */
function fetchReduced(turn: Turn): void {
  const { state } = turn;
  if (state.step >= state.rules.steps) return;
  // Mostly nobody has anything: then there is nothing to look for, shard by shard.
  const has = ({ status }: Peer) => status !== undefined && (status.step > state.step || status.reduced.length > 0);
  const holders = [...state.peers].filter(
    ([, peer]) => has(peer) && isReachable(state, peer) && state.nowMs >= peer.pausedUntilMs,
  );
  if (holders.length === 0) return;
  const pieces = piecesOf(state, state.step);
  const isPatient = state.nowMs - state.progressAtMs < ownersPatience * state.rules.timing.retryMs;
  const isSent = (shard: number) => {
    const owner = state.peers.get(state.owners[shard] ?? '');
    if (owner === undefined || !isReachable(state, owner) || state.nowMs < owner.pausedUntilMs) return false;
    return (owner.status?.retains ?? 0) <= state.step;
  };
  const underWay = new Set([...state.peers.values()].flatMap(({ fetching }) => [...fetching]));
  for (let shard = 0; shard < state.rules.shards; shard++) {
    const key: PieceKey = { step: state.step, shard, node: pieces.tree.root };
    if (isReduced(pieces, shard) || underWay.has(pieceName(key)) || (isPatient && isSent(shard))) continue;
    const from = holders
      .filter(([, { status }]) => holdsReduced(status, key))
      .map(([id]) => ({ id, fetching: turn.state.peers.get(id)!.fetching }))
      .filter(({ fetching }) => fetching.size < state.rules.timing.window)
      .sort((a, b) => a.fetching.size - b.fetching.size)[0];
    if (from === undefined) continue;
    changePeer(turn, from.id, { fetching: new Set(from.fetching).add(pieceName(key)) });
    turn.effects.push({ kind: 'fetch', from: from.id, key });
  }
}

function holdsReduced(
  status: { step: number; retains: number; reduced: readonly number[] } | undefined,
  { step, shard }: PieceKey,
): boolean {
  if (status === undefined) return false;
  return status.step === step ? status.reduced.includes(shard) : status.retains <= step && step < status.step;
}
