import { byCodeUnit } from '../common/hash.js';
import { coversLeaf, isReduced } from './pieces.js';
import type { Leaf } from './rules.js';
import { type ExchangeState, isAlive, isJoined, type Peer, piecesOf } from './state.js';
import { leafNode } from './tree.js';

/**
 * Assignment of leaves inside a step. Nobody decides for others: each worker picks its own next leaf from what it knows.
 * Neighbouring leaves are one member's home (they merge before they travel), as many as its measured speed deserves; who
 * has none left takes the last of the slowest's. Two who pick the same leaf waste time, never bits.
 */
export function homeOf(state: ExchangeState): ReadonlyMap<number, string> {
  const leaves = state.rules.leavesOf(state.step);
  const total = leaves.reduce((sum, { cost }) => sum + cost, 0);
  const members = [...state.candidates].sort(byCodeUnit);
  const speeds = members.map((id) => speedOf(state, id));
  const speed = speeds.reduce((sum, value) => sum + value, 0);
  const home = new Map<number, string>();
  let before = 0;
  let member = 0;
  let bound = speeds[0] ?? 0;
  for (const { index, cost } of leaves) {
    // The middle of the leaf on the line of all work decides whose it is.
    const middle = ((before + cost / 2) / total) * speed;
    while (middle > bound && member < members.length - 1) bound += speeds[++member]!;
    if (members[member] !== undefined) home.set(index, members[member]!);
    before += cost;
  }
  return home;
}

/** The leaf that a free engine here should compute now; undefined = better none. */
export function pickLeaf(state: ExchangeState): number | undefined {
  const leaves = state.rules.leavesOf(state.step);
  const open = leaves.filter((leaf) => isOpen(state, leaf.index));
  if (open.length === 0) return pickSlow(state, leaves);
  if (!isWorthIt(state, open)) return undefined;
  const own = open.find(({ index }) => state.home.get(index) === state.self);
  if (own !== undefined) return own.index;
  return lastOfTheLongest(state, open);
}

/** Nobody alive computes or has computed it, and somebody who needs it lacks it. */
export function isOpen(state: ExchangeState, leaf: number): boolean {
  if (state.running.some((run) => run.step === state.step && run.leaf === leaf)) return false;
  if (coversLeaf(piecesOf(state, state.step), leafNode(leaf))) return false;
  if (state.stalled) return true;
  for (const [id, { status }] of state.peers)
    if (status?.step === state.step && isAlive(state, id) && !status.leaving)
      if (status.running.includes(leaf) || status.done.includes(leaf)) return false;
  return !isSettled(state, leaf);
}

/** Every owner has it, as far as is known here: nobody need compute it again, even if its author is lost. */
function isSettled(state: ExchangeState, leaf: number): boolean {
  const pieces = piecesOf(state, state.step);
  return state.owners.every((owner, shard) => {
    if (isReduced(pieces, shard)) return true;
    if (owner === state.self) return [...pieces.shards[shard]!.keys()].some((node) => below(state, node, leaf));
    const status = state.peers.get(owner)?.status;
    if (status === undefined || status.step < state.step) return false;
    if (status.step > state.step || status.reduced.includes(shard)) return true;
    return status.reducing.includes(shard) && !status.missing.includes(leaf);
  });
}

function below(state: ExchangeState, node: number, leaf: number): boolean {
  const { tree } = piecesOf(state, state.step);
  const { from, to } = tree.nodes.get(node)!;
  return tree.leaves.slice(from, to).includes(leaf);
}

interface Lane {
  readonly member: string;
  readonly rate: number;
  freeAtMs: number;
}

/**
 * Gives the open leaves, one by one, to the engine that would end them first; true if a free engine here gets one. So a
 * slow worker leaves the last leaf to a fast one that is about to be free.
 */
function isWorthIt(state: ExchangeState, open: readonly Leaf[]): boolean {
  const lanes = lanesOf(state);
  for (const { cost } of open) {
    let best: Lane | undefined;
    for (const lane of lanes)
      if (best === undefined || lane.freeAtMs + cost / lane.rate < best.freeAtMs + cost / best.rate) best = lane;
    if (best === undefined) return true;
    if (best.member === state.self && best.freeAtMs <= state.nowMs) return true;
    best.freeAtMs += cost / best.rate;
  }
  return false;
}

/** Every engine at work on this step, own ones first. */
function lanesOf(state: ExchangeState): Lane[] {
  const lanes = enginesOf(
    state,
    state.self,
    state.parallel,
    state.running.map(({ leaf, sinceMs }) => [leaf, sinceMs]),
  );
  for (const [id, peer] of state.peers) {
    const { status } = peer;
    if (status === undefined || status.leaving || !isAlive(state, id) || !isJoined(state, id)) continue;
    if (status.step === state.step) lanes.push(...enginesOf(state, id, status.parallel, [...peer.claims]));
    if (status.step === state.step - 1) lanes.push(...enginesOf(state, id, status.parallel, []));
  }
  return lanes;
}

function enginesOf(state: ExchangeState, member: string, parallel: number, running: [number, number][]): Lane[] {
  const rate = rateOf(state, member);
  return Array.from({ length: parallel }, (_, engine) => {
    const run = running[engine];
    const endsAtMs = run === undefined ? state.nowMs : run[1] + costOf(state, run[0]) / rate;
    return { member, rate, freeAtMs: run === undefined ? state.nowMs : Math.max(endsAtMs, state.nowMs + 1) };
  });
}

function lastOfTheLongest(state: ExchangeState, open: readonly Leaf[]): number | undefined {
  const left = new Map<string, number>();
  for (const { index, cost } of open) {
    const member = state.home.get(index) ?? '';
    left.set(member, (left.get(member) ?? 0) + cost / speedOf(state, member));
  }
  const longest = [...left].reduce((best, entry) => (entry[1] > best[1] ? entry : best));
  return open.findLast(({ index }) => (state.home.get(index) ?? '') === longest[0])?.index;
}

/** Nothing is open: a leaf that somebody else runs, if it would be done here clearly earlier. */
function pickSlow(state: ExchangeState, leaves: readonly Leaf[]): number | undefined {
  if (state.rate === 0) return undefined;
  let pick: number | undefined;
  let latest = 0;
  for (const { index, cost } of leaves) {
    const runners = [...state.peers].filter(([id, peer]) => runs(state, id, peer, index));
    const here = state.running.some((run) => run.step === state.step && run.leaf === index);
    if (runners.length !== 1 || here || coversLeaf(piecesOf(state, state.step), leafNode(index))) continue;
    const [id, { claims }] = runners[0]!;
    const expectedMs = cost / rateOf(state, id);
    const ranMs = state.nowMs - claims.get(index)!;
    const leftMs =
      ranMs > expectedMs * state.rules.timing.overdueFactor ? Number.POSITIVE_INFINITY : expectedMs - ranMs;
    const hereMs = (cost / state.rate) * 1.25;
    if (leftMs > hereMs && leftMs > latest) [pick, latest] = [index, leftMs];
  }
  return pick;
}

const runs = (state: ExchangeState, id: string, { status, claims }: Peer, leaf: number): boolean =>
  status?.step === state.step && isAlive(state, id) && claims.has(leaf);

const costOf = (state: ExchangeState, leaf: number): number =>
  state.rules.leavesOf(state.step).find(({ index }) => index === leaf)?.cost ?? 1;

/** Cost units per millisecond of one engine; an unmeasured one is taken to be like our own. */
function rateOf(state: ExchangeState, id: string): number {
  const known = id === state.self ? state.rate : (state.peers.get(id)?.status?.rate ?? 0);
  return known || state.rate || 1;
}

function speedOf(state: ExchangeState, id: string): number {
  const parallel = id === state.self ? state.parallel : (state.peers.get(id)?.status?.parallel ?? state.parallel);
  return rateOf(state, id) * parallel;
}
