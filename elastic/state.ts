import type { Effect } from './effect.js';
import type { Rules } from './rules.js';
import type { Status } from './status.js';
import type { Tree } from './tree.js';
import type { View } from './view.js';

/** One worker's knowledge. Immutable: `advance` gives a new one. */
export interface ExchangeState {
  readonly rules: Rules;
  readonly self: string;
  /** Engines here. */
  readonly parallel: number;
  readonly nowMs: number;
  readonly untilStep: number;
  readonly view: View | undefined;
  /** Members that take part by the view. */
  readonly joined: ReadonlySet<string>;
  readonly peers: ReadonlyMap<string, Peer>;
  /** Steps applied; the step being summed now. */
  readonly step: number;
  readonly activity: Activity;
  /** Pieces by step: the current one, early ones, and the reduced shards of the last committed ones. */
  readonly pieces: ReadonlyMap<number, StepPieces>;
  /** Leaves being computed here, obsolete ones too: they hold an engine. */
  readonly running: readonly RunningLeaf[];
  /** Leaves of the current step computed here. */
  readonly done: readonly number[];
  /** Whose turn a leaf of the current step is first. */
  readonly home: Home;
  /** Members that compute leaves, those of them that own shards, and the owner of each shard. */
  readonly computing: readonly string[];
  readonly owning: readonly string[];
  readonly owners: readonly string[];
  /** Too slow to own shards in this step. */
  readonly spared: boolean;
  /** Cost units per millisecond and engine, smoothed; 0 = not measured. */
  readonly rate: number;
  /** Last time something new arrived, was computed or committed. */
  readonly progressAtMs: number;
  /** Last time others were seen at work on the step while nothing came here. */
  readonly othersBusyAtMs: number;
  readonly stalled: boolean;
  readonly sequence: number;
  readonly toldAtMs: number;
  /** What of the last status calls for a new one at once. */
  readonly told: string;
  readonly readyAtMs: number;
}

export type Activity =
  | { readonly kind: 'summing' }
  | { readonly kind: 'applying' }
  /** Reduced shards from `floor` on are kept meanwhile. */
  | { readonly kind: 'restoring'; readonly from: string; readonly floor: number }
  /** `applying`: a step that was whole before is still being applied; one leaves after it. */
  | { readonly kind: 'leaving'; readonly sinceMs: number; readonly applying: boolean }
  /** Nothing to do: no target yet, or it is reached. */
  | { readonly kind: 'ended' };

/** The leaf at `place` among the present ones of the step is of the home of `members[memberAt[place]]`. */
export interface Home {
  readonly members: readonly string[];
  readonly memberAt: readonly number[];
}

export interface RunningLeaf {
  readonly step: number;
  readonly leaf: number;
  readonly sinceMs: number;
}

export interface StepPieces {
  readonly tree: Tree;
  /** Per shard the nodes held, none below another, and their hash where known. */
  readonly shards: readonly ReadonlyMap<number, Held>[];
}

export interface Held {
  /** Known for pieces that came from a peer. */
  readonly hash: string | undefined;
  readonly from: string;
}

export interface Peer {
  readonly status: Status | undefined;
  readonly heardAtMs: number;
  readonly link: 'unknown' | 'up' | 'down';
  readonly downAtMs: number;
  /** Leaves that it runs, and when each was first heard of. */
  readonly claims: readonly Claim[];
  /** Names of pieces that it surely holds, that are under way to it, and that are being fetched from it. */
  readonly delivered: ReadonlySet<string>;
  readonly sending: ReadonlySet<string>;
  readonly fetching: ReadonlySet<string>;
  /** Nothing is tried with it before this time. */
  readonly pausedUntilMs: number;
}

export interface Claim {
  readonly leaf: number;
  readonly sinceMs: number;
}

/** One call of `advance` under way: handlers replace `state` and append effects. */
export interface Turn {
  state: ExchangeState;
  readonly effects: Effect[];
  /** The map of peers that this turn made: nobody else has seen it, so further changes go into it. */
  ownPeers?: Map<string, Peer>;
}

export function initialState(options: {
  rules: Rules;
  self: string;
  parallel: number;
  step: number;
  nowMs: number;
}): ExchangeState {
  return {
    ...options,
    untilStep: options.step,
    view: undefined,
    joined: new Set(),
    peers: new Map(),
    activity: { kind: 'ended' },
    pieces: new Map(),
    running: [],
    done: [],
    home: { members: [], memberAt: [] },
    computing: [],
    owning: [],
    owners: [],
    spared: false,
    rate: 0,
    progressAtMs: options.nowMs,
    othersBusyAtMs: options.nowMs,
    stalled: false,
    sequence: 0,
    toldAtMs: Number.NEGATIVE_INFINITY,
    told: '',
    readyAtMs: Number.NEGATIVE_INFINITY,
  };
}

/** Peers by the hundred have mostly nothing under way: one empty set for all of them. */
const none: ReadonlySet<string> = new Set();
const nothingHeld: ReadonlyMap<number, Held> = new Map();

export function newPeer(nowMs: number): Peer {
  return {
    status: undefined,
    heardAtMs: nowMs,
    link: 'unknown',
    downAtMs: Number.NEGATIVE_INFINITY,
    claims: [],
    delivered: none,
    sending: none,
    fetching: none,
    pausedUntilMs: Number.NEGATIVE_INFINITY,
  };
}

export function changePeer(turn: Turn, id: string, change: Partial<Peer>): void {
  const peer = turn.state.peers.get(id);
  if (peer === undefined) return;
  if (turn.ownPeers === undefined || turn.ownPeers !== turn.state.peers) {
    turn.ownPeers = new Map(turn.state.peers);
    turn.state = { ...turn.state, peers: turn.ownPeers };
  }
  turn.ownPeers.set(id, { ...peer, ...change });
}

/** The state is about to become another one, or nobody waits for them any more. */
export function abandonRunning(turn: Turn): void {
  for (const { step, leaf } of turn.state.running)
    if (step === turn.state.step) turn.effects.push({ kind: 'abandon', step, leaf });
}

/** The pieces of a step; empty ones when nothing of it is held yet. */
export function piecesOf({ pieces, rules }: ExchangeState, step: number): StepPieces {
  const held = pieces.get(step);
  if (held !== undefined) return held;
  return { tree: rules.treeOf(step), shards: Array.from({ length: rules.shards }, () => nothingHeld) };
}

/** The optimizer is at work: the state of training is between two steps. */
export const isApplying = ({ activity }: ExchangeState): boolean =>
  activity.kind === 'applying' || (activity.kind === 'leaving' && activity.applying);

/** Takes part in the current view, with the state in hand. */
export const isJoined = ({ joined }: ExchangeState, id: string): boolean => joined.has(id);

/** Heard lately, and not only before its connection closed: its claims count. */
export function isAlive({ nowMs, rules }: ExchangeState, peer: Peer | undefined): boolean {
  if (peer === undefined || nowMs - peer.heardAtMs > rules.timing.suspectMs) return false;
  return peer.link !== 'down' || peer.heardAtMs > peer.downAtMs;
}

/** Alive, and pieces can be sent to it. */
export const isReachable = (state: ExchangeState, peer: Peer | undefined): boolean =>
  isAlive(state, peer) && peer!.link !== 'down';
