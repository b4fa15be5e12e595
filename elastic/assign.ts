import { byCodeUnit } from '../common/hash.js';
import { Lanes } from './lanes.js';
import { type Outlook, outlookOf } from './outlook.js';
import { coversLeaf } from './pieces.js';
import type { Leaf } from './rules.js';
import { rateOf, speedOf, usualRate } from './speed.js';
import { type Claim, type ExchangeState, type Home, isAlive, isJoined, piecesOf } from './state.js';
import { leafNode } from './tree.js';

/**
 * Assignment of leaves inside a step. Nobody decides for others: each worker picks its own next leaf from what it knows.
 * Neighbouring leaves are one member's home (they merge before they travel), as many as its measured speed deserves; who
 * has none left takes the last of the slowest's. Two who pick the same leaf waste time, never bits.
 */
export function homeOf(state: ExchangeState): Home {
  const leaves = state.rules.leavesOf(state.step);
  const members = [...state.computing].sort(byCodeUnit);
  if (members.length === 0) return { members, ends: [] };
  const speeds = members.map((id) => (state.rules.assignment === 'fixed' ? 1 : speedOf(state, id)));
  const speed = speeds.reduce((sum, value) => sum + value, 0);
  const total = leaves.reduce((sum, { cost }) => sum + cost, 0);
  const ends: number[] = [];
  let before = 0;
  let bound = speeds[0]!;
  for (const [place, { cost }] of leaves.entries()) {
    // The middle of the leaf on the line of all work decides whose it is.
    const middle = ((before + cost / 2) / total) * speed;
    while (middle > bound && ends.length < members.length - 1) {
      ends.push(place);
      bound += speeds[ends.length]!;
    }
    before += cost;
  }
  while (ends.length < members.length) ends.push(leaves.length);
  return { members, ends };
}

/** Leaves of the current step whose turn it is here first. */
export function ownHome({ home, self, rules, step }: ExchangeState): readonly Leaf[] {
  const place = home.members.indexOf(self);
  return place < 0 ? [] : rules.leavesOf(step).slice(place === 0 ? 0 : home.ends[place - 1], home.ends[place]);
}

/** The leaf that a free engine here should compute now; undefined = better none. */
export function pickLeaf(state: ExchangeState): number | undefined {
  const isOpen = outlookOf(state);
  const open = state.rules.leavesOf(state.step).filter(({ index }) => isOpen(index));
  if (open.length === 0) return state.rules.assignment === 'fixed' ? undefined : pickSlow(state);
  if (state.rules.assignment === 'fixed') return pickFixed(state, isOpen);
  if (!isWorthIt(state, open)) return undefined;
  return ownHome(state).find(({ index }) => isOpen(index))?.index ?? lastOfTheLongest(state, open);
}

/** One's own leaves alone; homes of members that are lost are shared out anew. */
const pickFixed = (state: ExchangeState, isOpen: Outlook): number | undefined =>
  (state.stalled ? state.rules.leavesOf(state.step) : ownHome(state)).find(({ index }) => isOpen(index))?.index;

/**
 * Gives the open leaves, one by one, to the engine that would end them first; true if a free engine here gets one. So a
 * slow worker leaves the last leaf to a fast one that is about to be free. Engines compare by a leaf of mean cost.
 */
function isWorthIt(state: ExchangeState, open: readonly Leaf[]): boolean {
  const cost = open.reduce((sum, leaf) => sum + leaf.cost, 0) / open.length;
  const lanes = lanesOf(state, cost);
  for (let given = 0; given < open.length; given++) {
    const best = lanes.first;
    if (best === undefined || (best.own && best.freeAtMs <= state.nowMs)) return true;
    lanes.give();
  }
  return false;
}

/** Every engine at work on this step, own ones first. */
function lanesOf(state: ExchangeState, cost: number): Lanes {
  const lanes = new Lanes();
  const add = (id: string, parallel: number, running: readonly Claim[]) => {
    const rate = rateOf(state, id);
    for (let engine = 0; engine < parallel; engine++) {
      const run = running[engine];
      const freeAtMs = run === undefined ? state.nowMs : Math.max(endOf(state, run, rate), state.nowMs + 1);
      lanes.add({ own: id === state.self, leafMs: cost / rate, freeAtMs });
    }
  };
  add(state.self, state.parallel, state.running);
  for (const [id, peer] of state.peers) {
    const { status } = peer;
    if (status === undefined || status.leaving || !isAlive(state, peer) || !isJoined(state, id)) continue;
    if (status.step === state.step) add(id, status.parallel, peer.claims);
    if (status.step === state.step - 1) add(id, status.parallel, []);
  }
  return lanes;
}

/** When a claimed leaf should end; one that is overdue will take as long again, as far as anybody can tell. */
function endOf(state: ExchangeState, { leaf, sinceMs }: Claim, rate: number): number {
  const expectedMs = costOf(state, leaf) / rate;
  const ranMs = state.nowMs - sinceMs;
  return ranMs > expectedMs * state.rules.timing.overdueFactor ? state.nowMs + ranMs : sinceMs + expectedMs;
}

/** The last open leaf in the home that has most to do. */
function lastOfTheLongest(state: ExchangeState, open: readonly Leaf[]): number | undefined {
  const homes = homesOf(state, open);
  let longest: { readonly leftMs: number; readonly last: number } | undefined;
  for (const home of homes) if (longest === undefined || home.leftMs > longest.leftMs) longest = home;
  return longest?.last;
}

/** Per home with open leaves: how long its member needs for them, and the last of them. */
function homesOf(state: ExchangeState, open: readonly Leaf[]): { leftMs: number; last: number }[] {
  const { members, ends } = state.home;
  const { nodes } = piecesOf(state, state.step).tree;
  const homes: { leftMs: number; last: number }[] = [];
  let member = -1;
  for (const { index, cost } of open) {
    const place = nodes.get(leafNode(index))!.from;
    const before = member;
    while (member < 0 || (member < ends.length && place >= ends[member]!)) member++;
    if (member !== before) homes.push({ leftMs: 0, last: index });
    const home = homes.at(-1)!;
    home.leftMs += cost / speedOf(state, members[member] ?? '');
    home.last = index;
  }
  return homes;
}

/** Nothing is open: a leaf that somebody else runs, if it would be done here clearly earlier. */
function pickSlow(state: ExchangeState): number | undefined {
  const ownRate = state.rate || usualRate(state);
  if (ownRate === 0) return undefined;
  const pieces = piecesOf(state, state.step);
  const here = new Set(state.running.filter(({ step }) => step === state.step).map(({ leaf }) => leaf));
  let pick: number | undefined;
  let latest = 0;
  for (const [leaf, { id, claim }] of [...loneRunners(state)].sort(([a], [b]) => a - b)) {
    if (here.has(leaf) || coversLeaf(pieces, leafNode(leaf))) continue;
    const cost = costOf(state, leaf);
    const expectedMs = cost / rateOf(state, id);
    const ranMs = state.nowMs - claim.sinceMs;
    const leftMs =
      ranMs > expectedMs * state.rules.timing.overdueFactor ? Number.POSITIVE_INFINITY : expectedMs - ranMs;
    const hereMs = (cost / ownRate) * 1.25;
    if (leftMs > hereMs && leftMs > latest) [pick, latest] = [leaf, leftMs];
  }
  return pick;
}

/** Leaves that exactly one peer runs. */
function loneRunners(state: ExchangeState): ReadonlyMap<number, { readonly id: string; readonly claim: Claim }> {
  const lone = new Map<number, { readonly id: string; readonly claim: Claim }>();
  const shared = new Set<number>();
  for (const [id, peer] of state.peers) {
    if (peer.status?.step !== state.step || !isAlive(state, peer)) continue;
    for (const claim of peer.claims) {
      if (lone.has(claim.leaf)) shared.add(claim.leaf);
      lone.set(claim.leaf, { id, claim });
    }
  }
  for (const leaf of shared) lone.delete(leaf);
  return lone;
}

function costOf(state: ExchangeState, leaf: number): number {
  const node = piecesOf(state, state.step).tree.nodes.get(leafNode(leaf));
  return node === undefined ? 1 : state.rules.leavesOf(state.step)[node.from]!.cost;
}
