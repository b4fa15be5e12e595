import type { Effect } from './effect.js';
import type { ExchangeEvent, PieceKey } from './event.js';
import { pieceName } from './event.js';
import { homeOf } from './home.js';
import { coveringNode, insertPiece, noteCopy } from './pieces.js';
import { settle } from './settle.js';
import { isSpared } from './speed.js';
import {
  type Activity,
  abandonRunning,
  changePeer,
  type ExchangeState,
  newPeer,
  piecesOf,
  type Turn,
} from './state.js';
import { leafNode } from './tree.js';
import { viewConflict } from './view.js';

export interface Transition {
  readonly state: ExchangeState;
  readonly effects: readonly Effect[];
}

/** The whole protocol of one worker: what it knows, and what happens, give what it knows then and what must be done. */
export function advance(state: ExchangeState, event: ExchangeEvent): Transition {
  return advanceAll(state, [event]);
}

/**
 * Several events in one turn. What follows looks at levels, not at edges, so to look once after all of them is enough: where
 * statuses of hundreds of peers arrive, that is what makes them cheap.
 */
export function advanceAll(state: ExchangeState, events: readonly ExchangeEvent[]): Transition {
  const turn: Turn = { state, effects: [] };
  for (const event of events) (handlers[event.kind] as (turn: Turn, event: ExchangeEvent) => void)(turn, event);
  settle(turn);
  return { state: turn.state, effects: turn.effects };
}

type Handlers = {
  readonly [K in ExchangeEvent['kind']]: (turn: Turn, event: Extract<ExchangeEvent, { kind: K }>) => void;
};

/** Longest gap between two ticks of a worker that runs. */
const asleepFromMs = 2000;

const handlers: Handlers = {
  tick(turn, { nowMs }) {
    const { nowMs: before, progressAtMs, othersBusyAtMs } = turn.state;
    const now = Math.max(nowMs, before);
    // Ticks come many times a second: a gap is time in which this worker itself stood still, and no waiting for others.
    const asleepMs = now - before > asleepFromMs ? now - before : 0;
    const later = { progressAtMs: progressAtMs + asleepMs, othersBusyAtMs: othersBusyAtMs + asleepMs };
    turn.state = { ...turn.state, nowMs: now, ...later };
  },

  target(turn, { untilStep }) {
    const { activity } = turn.state;
    turn.state = {
      ...turn.state,
      untilStep: Math.min(untilStep, turn.state.rules.steps),
      activity: activity.kind === 'ended' ? { kind: 'summing' } : activity,
      progressAtMs: turn.state.nowMs,
    };
    if (turn.state.step < turn.state.untilStep) openStep(turn);
  },

  /** A lower number is old news. Unlike members under one number mean that two oracles believe in themselves. */
  view(turn, { view }) {
    const { state } = turn;
    if (state.view !== undefined && view.number < state.view.number) return;
    const conflict = state.view === undefined ? undefined : viewConflict(state.view, view);
    if (conflict !== undefined) {
      turn.effects.push({ kind: 'fault', fault: { name: 'ViewConflict', facts: conflict } });
      return;
    }
    const others = view.members.filter(({ id }) => id !== state.self);
    const peers = new Map(others.map(({ id }) => [id, state.peers.get(id) ?? newPeer(state.nowMs)]));
    const joined = new Set(view.members.filter((member) => member.joined).map(({ id }) => id));
    turn.state = { ...state, view, joined, peers };
  },

  linkUp(turn, { peer }) {
    changePeer(turn, peer, { link: 'up', heardAtMs: turn.state.nowMs, pausedUntilMs: turn.state.nowMs });
  },

  linkDown(turn, { peer }) {
    if (turn.state.peers.get(peer)?.link !== 'down')
      changePeer(turn, peer, { link: 'down', downAtMs: turn.state.nowMs, sending: new Set(), fetching: new Set() });
  },

  status(turn, { from, status }) {
    const peer = turn.state.peers.get(from);
    if (peer === undefined || (peer.status !== undefined && status.sequence <= peer.status.sequence)) return;
    const kept = peer.status?.step === status.step ? peer.claims : [];
    const claims = status.running.map(
      (leaf) => kept.find((claim) => claim.leaf === leaf) ?? { leaf, sinceMs: turn.state.nowMs },
    );
    changePeer(turn, from, { status, claims, heardAtMs: turn.state.nowMs });
  },

  received(turn, { from, key, hash }) {
    const peer = turn.state.peers.get(from);
    if (peer !== undefined) {
      const fetching = new Set(peer.fetching);
      fetching.delete(pieceName(key));
      changePeer(turn, from, {
        fetching,
        delivered: new Set(peer.delivered).add(pieceName(key)),
        heardAtMs: turn.state.nowMs,
      });
    }
    if (acceptance(turn.state, key) === 'taken') {
      insertPiece(turn, key, { hash, from });
      turn.state = { ...turn.state, progressAtMs: turn.state.nowMs };
    } else compareCopies(turn, from, key, hash);
  },

  sent(turn, { to, key, outcome }) {
    const peer = turn.state.peers.get(to);
    if (peer === undefined) return;
    const sending = new Set(peer.sending);
    sending.delete(pieceName(key));
    if (outcome === 'failed' || outcome === 'early')
      changePeer(turn, to, { sending, pausedUntilMs: turn.state.nowMs + turn.state.rules.timing.retryMs });
    else changePeer(turn, to, { sending, delivered: new Set(peer.delivered).add(pieceName(key)) });
  },

  fetchFailed(turn, { from, key }) {
    const fetching = new Set(turn.state.peers.get(from)?.fetching);
    fetching.delete(pieceName(key));
    changePeer(turn, from, { fetching, pausedUntilMs: turn.state.nowMs + turn.state.rules.timing.retryMs });
  },

  computed(turn, { step, leaf, elapsedMs }) {
    const { state } = turn;
    const running = state.running.filter((run) => run.step !== step || run.leaf !== leaf);
    turn.state = { ...state, running };
    const node = leafNode(leaf);
    const wanted = step === state.step && state.activity.kind === 'summing';
    for (let shard = 0; shard < state.rules.shards; shard++) {
      const key = { step, shard, node };
      const copy = turn.state.pieces.get(step)?.shards[shard]?.get(node);
      // Another copy came first: ours has taken its place, and must equal it.
      if (copy?.hash !== undefined) turn.effects.push({ kind: 'compare', from: copy.from, key, hash: copy.hash });
      if (copy !== undefined) continue;
      if (!wanted || insertPiece(turn, key) === 'covered') turn.effects.push({ kind: 'drop', key });
    }
    const place = piecesOf(state, step).tree.nodes.get(node)!.from;
    const { cost } = state.rules.leavesOf(step)[place]!;
    const rate = elapsedMs > 0 ? cost / elapsedMs : state.rate;
    turn.state = { ...turn.state, rate: state.rate === 0 ? rate : (state.rate + rate) / 2 };
    if (wanted) turn.state = { ...turn.state, done: [...state.done, leaf], progressAtMs: state.nowMs };
  },

  released(turn, { step, leaf }) {
    const running = turn.state.running.filter((run) => run.step !== step || run.leaf !== leaf);
    turn.state = { ...turn.state, running };
  },

  applied(turn, { step }) {
    startStep(turn, step + 1);
  },

  /** Never back: an older state than ours is of no use. */
  restored(turn, { step }) {
    if (step > turn.state.step) startStep(turn, step);
    else if (turn.state.activity.kind === 'restoring') turn.state = { ...turn.state, activity: { kind: 'summing' } };
  },

  restoreFailed(turn, { from }) {
    changePeer(turn, from, { pausedUntilMs: turn.state.nowMs + turn.state.rules.timing.retryMs });
    if (turn.state.activity.kind === 'restoring') turn.state = { ...turn.state, activity: { kind: 'summing' } };
  },

  diverged(turn, { from, key }) {
    const facts = { step: key.step, node: key.node, peer: from };
    turn.effects.push({ kind: 'fault', fault: { name: 'NumericsDiverged', facts } });
  },

  leave(turn) {
    if (turn.state.activity.kind === 'ended' || turn.state.activity.kind === 'leaving') return;
    abandonRunning(turn);
    const { nowMs, activity: before } = turn.state;
    const activity = { kind: 'leaving', sinceMs: nowMs, applying: before.kind === 'applying' } as const;
    turn.state = { ...turn.state, activity, done: [], running: [] };
  },
};

/**
 * Whether an offered piece is of use here; the driver asks before any byte of it is sent. Partial sums are taken one step
 * ahead, reduced shards some more while the state is being fetched. The own step's pieces are taken then too: "late" is
 * for ever to who offers, and the fetch may fail.
 */
export function acceptance(state: ExchangeState, key: PieceKey): 'taken' | 'covered' | 'late' | 'early' {
  const floor = state.activity.kind === 'restoring' ? state.activity.floor : state.step;
  if (key.step < state.step || (key.step > state.step + 1 && key.step < floor)) return 'late';
  if (key.step >= state.rules.steps || key.step > floor + state.rules.timing.aheadSteps) return 'early';
  const pieces = piecesOf(state, key.step);
  if (key.step > floor + 1 && key.node !== pieces.tree.root) return 'early';
  return coveringNode(pieces, key.shard, key.node) === undefined ? 'taken' : 'covered';
}

/** A second copy must have the bytes of the first. */
function compareCopies(turn: Turn, from: string, key: PieceKey, hash: string): void {
  const held = turn.state.pieces.get(key.step)?.shards[key.shard]?.get(key.node);
  if (held === undefined || held.hash === hash) return;
  if (held.hash === undefined) {
    turn.effects.push({ kind: 'compare', from, key, hash });
    noteCopy(turn, key, { hash, from });
    return;
  }
  const facts = { step: key.step, node: key.node, peer: from };
  turn.effects.push({ kind: 'fault', fault: { name: 'NumericsDiverged', facts } });
}

/** The state of `step` is in hand: partial sums of earlier steps go, whole reduced ones stay for who is behind. */
function startStep(turn: Turn, step: number): void {
  const { state } = turn;
  const pieces = new Map(state.pieces);
  for (const [held, { tree, shards }] of state.pieces) {
    if (held >= step || shards.every((shard) => shard.has(tree.root))) continue;
    pieces.delete(held);
    shards.forEach((nodes, shard) => {
      for (const node of nodes.keys()) turn.effects.push({ kind: 'drop', key: { step: held, shard, node } });
    });
  }
  const oldest = step - state.rules.timing.retainSteps;
  const peers = new Map(
    [...state.peers].map(([id, peer]) => [id, { ...peer, delivered: since(peer.delivered, oldest) }] as const),
  );
  turn.state = {
    ...state,
    step,
    peers,
    pieces,
    done: [],
    stalled: false,
    progressAtMs: state.nowMs,
    activity: activityAfter(state.activity),
  };
  if (step < state.untilStep) openStep(turn);
}

/** Who leaves or has ended stays so. */
function activityAfter(activity: Activity): Activity {
  if (activity.kind === 'leaving') return { ...activity, applying: false };
  return activity.kind === 'ended' ? activity : { kind: 'summing' };
}

/** Makes the books of the current step: its tree, whether shards are owned here, and whose turn each leaf is. */
function openStep(turn: Turn): void {
  const { state } = turn;
  const pieces = new Map(state.pieces).set(state.step, piecesOf(state, state.step));
  turn.state = { ...state, pieces };
  turn.state = { ...turn.state, spared: isSpared(turn.state) };
  turn.state = { ...turn.state, home: homeOf(turn.state) };
}

function since(names: ReadonlySet<string>, step: number): ReadonlySet<string> {
  if (names.size === 0) return names;
  return new Set([...names].filter((name) => Number.parseInt(name, 10) >= step));
}
