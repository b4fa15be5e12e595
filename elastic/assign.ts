import { ownHome } from './home.js';
import { Lanes } from './lanes.js';
import { type Outlook, outlookOf } from './outlook.js';
import { coversLeaf } from './pieces.js';
import type { Leaf } from './rules.js';
import { type Speeds, speedsOf, usualRate } from './speed.js';
import { type Claim, type ExchangeState, isAlive, isJoined, type Peer, piecesOf } from './state.js';
import { leafNode } from './tree.js';

/** The leaf that a free engine here should compute now; undefined = better none. */
export function pickLeaf(state: ExchangeState): number | undefined {
  const isOpen = outlookOf(state);
  const open = state.rules.leavesOf(state.step).filter(({ index }) => isOpen(index));
  if (open.length === 0) return state.rules.assignment === 'fixed' ? undefined : pickSlow(state);
  if (state.rules.assignment === 'fixed') return pickFixed(state, isOpen);
  const homes = homesOf(state, open);
  const before = thievesBefore(state, open, homes);
  if (before === undefined) return undefined;
  return ownHome(state).find(({ index }) => isOpen(index))?.index ?? lastOfTheLongest(homes, before);
}

/** One's own leaves alone; homes of members that are lost are shared out anew. */
const pickFixed = (state: ExchangeState, isOpen: Outlook): number | undefined =>
  (state.stalled ? state.rules.leavesOf(state.step) : ownHome(state)).find(({ index }) => isOpen(index))?.index;

/**
 * Gives the open leaves, one by one, to the engine that would end them first; undefined if no free engine here gets one. So
 * a slow worker leaves the last leaf to a fast one that is about to be free. Engines compare by a leaf of mean cost. The
 * answer counts free engines of others that have no home of their own left and come first: each takes somebody's leaf now.
 */
function thievesBefore(state: ExchangeState, open: readonly Leaf[], homes: readonly OpenHome[]): number | undefined {
  const cost = open.reduce((sum, leaf) => sum + leaf.cost, 0) / open.length;
  const lanes = lanesOf(state, cost, new Set(homes.map(({ member }) => member)));
  let thieves = 0;
  for (let given = 0; given < open.length; given++) {
    const best = lanes.first;
    if (best === undefined) return thieves;
    const isFree = best.freeAtMs <= state.nowMs;
    if (best.own && isFree) return thieves;
    if (best.steals && isFree) thieves++;
    lanes.give();
  }
  return undefined;
}

/** Every engine at work on this step, own ones first. */
function lanesOf(state: ExchangeState, cost: number, atHome: ReadonlySet<string>): Lanes {
  const lanes = new Lanes();
  const { rateOf } = speedsOf(state);
  const add = (id: string, parallel: number, running: readonly Claim[]) => {
    const rate = rateOf(id);
    const own = id === state.self;
    const steals = !own && !atHome.has(id);
    for (let engine = 0; engine < parallel; engine++) {
      const run = running[engine];
      const freeAtMs = run === undefined ? state.nowMs : Math.max(endOf(state, run, rate), state.nowMs + 1);
      lanes.add({ own, steals, leafMs: cost / rate, freeAtMs });
    }
  };
  add(state.self, state.parallel, state.running);
  for (const [id, peer] of state.peers) {
    if (!isAtWork(state, id, peer)) continue;
    add(id, peer.status!.parallel, peer.status!.step === state.step ? peer.claims : []);
  }
  return lanes;
}

/** Takes leaves of this step, or will in a moment. */
function isAtWork(state: ExchangeState, id: string, peer: Peer): boolean {
  const { status } = peer;
  if (status === undefined || status.leaving || !isAlive(state, peer) || !isJoined(state, id)) return false;
  return status.step === state.step || status.step === state.step - 1;
}

/** When a claimed leaf should end; one that is overdue will take as long again, as far as anybody can tell. */
function endOf(state: ExchangeState, { leaf, sinceMs }: Claim, rate: number): number {
  const expectedMs = costOf(state, leaf) / rate;
  const ranMs = state.nowMs - sinceMs;
  return ranMs > expectedMs * state.rules.timing.overdueFactor ? state.nowMs + ranMs : sinceMs + expectedMs;
}

/** Open leaves of one member's home, and how long it needs for each. */
interface OpenHome {
  readonly member: string;
  readonly leaves: { readonly index: number; readonly ms: number }[];
  leftMs: number;
}

/** The last open leaf in the home that has most to do, after so many others have taken theirs in the same way. */
function lastOfTheLongest(homes: readonly OpenHome[], thieves: number): number | undefined {
  for (let taken = 0; ; taken++) {
    let longest: OpenHome | undefined;
    for (const home of homes) if (longest === undefined || home.leftMs > longest.leftMs) longest = home;
    const last = longest?.leaves.pop();
    if (taken === thieves || last === undefined) return last?.index;
    longest!.leftMs -= last.ms;
  }
}

function homesOf(state: ExchangeState, open: readonly Leaf[]): OpenHome[] {
  const { members, memberAt } = state.home;
  const { nodes } = piecesOf(state, state.step).tree;
  const { speedOf } = speedsOf(state);
  const homes = new Map<string, OpenHome>();
  for (const { index, cost } of open) {
    const member = members[memberAt[nodes.get(leafNode(index))!.from]!] ?? '';
    const home = homes.get(member) ?? { member, leaves: [], leftMs: 0 };
    homes.set(member, home);
    const ms = cost / speedOf(member);
    home.leftMs += ms;
    home.leaves.push({ index, ms });
  }
  return [...homes.values()];
}

/** Nothing is open: a leaf that somebody else runs, if it would be done here clearly earlier. */
function pickSlow(state: ExchangeState): number | undefined {
  const ownRate = state.rate || usualRate(state);
  if (ownRate === 0) return undefined;
  const pieces = piecesOf(state, state.step);
  const here = new Set(state.running.filter(({ step }) => step === state.step).map(({ leaf }) => leaf));
  const { rateOf } = speedsOf(state);
  const isFasterAround = fasterAround(state, rateOf, ownRate);
  let pick: number | undefined;
  let latest = 0;
  for (const [leaf, { id, claim }] of [...loneRunners(state)].sort(([a], [b]) => a - b)) {
    if (here.has(leaf) || coversLeaf(pieces, leafNode(leaf))) continue;
    const cost = costOf(state, leaf);
    const expectedMs = cost / rateOf(id);
    const ranMs = state.nowMs - claim.sinceMs;
    const leftMs =
      ranMs > expectedMs * state.rules.timing.overdueFactor ? Number.POSITIVE_INFINITY : expectedMs - ranMs;
    const hereMs = (cost / ownRate) * 1.25;
    if (leftMs > hereMs && leftMs > latest && !isFasterAround(leaf)) [pick, latest] = [leaf, leftMs];
  }
  return pick;
}

/** Whether another one with a free engine would do a leaf earlier than we: one helper is enough. */
function fasterAround(state: ExchangeState, rateOf: Speeds['rateOf'], ownRate: number): (leaf: number) => boolean {
  const faster = [...state.peers].flatMap(([id, peer]) => {
    const isHere = isAtWork(state, id, peer) && peer.status!.step === state.step;
    return isHere && peer.claims.length < peer.status!.parallel && rateOf(id) > ownRate ? [peer.status!] : [];
  });
  // Who has done it does not do it again, though it be missing elsewhere.
  return (leaf) => faster.some(({ done }) => !done.includes(leaf));
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
