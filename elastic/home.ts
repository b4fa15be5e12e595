import { byCodeUnit } from '../common/hash.js';
import { inBlocks } from './blocks.js';
import type { Leaf } from './rules.js';
import { speedsOf } from './speed.js';
import type { ExchangeState, Home } from './state.js';

/**
 * Assignment of leaves inside a step. Nobody decides for others: each worker picks its own next leaf from what it knows.
 * Whole subtrees are one member's home (they merge before they travel), as many leaves as its measured speed deserves; who
 * has none left takes the last of the slowest's. Two who pick the same leaf waste time, never bits.
 */
export function homeOf(state: ExchangeState): Home {
  const leaves = state.rules.leavesOf(state.step);
  const members = [...state.computing].sort(byCodeUnit);
  if (members.length === 0) return { members, memberAt: [] };
  const { speedOf } = speedsOf(state);
  const speeds = members.map((id) => (state.rules.assignment === 'fixed' ? 1 : speedOf(id)));
  const costs = leaves.map(({ cost }) => cost);
  const ends = shareOut(costs, speeds);
  const upTo = sumsOf(costs);
  const shares = ends.map((end, i) => upTo[end]! - upTo[ends[i - 1] ?? 0]!);
  return { members, memberAt: inBlocks(state.rules.treeOf(state.step), upTo, shares) ?? inRuns(ends) };
}

/** One run of the row for each member. */
function inRuns(ends: readonly number[]): readonly number[] {
  const memberAt: number[] = [];
  for (const [member, end] of ends.entries()) while (memberAt.length < end) memberAt.push(member);
  return memberAt;
}

/**
 * Parts a row of leaves of these costs into one run for each member, so that the last member ends as early as any such way
 * allows; as near to each one's share of all work as that leaves room for. Shares alone, rounded along the row, would give two
 * leaves to one and none to another where speeds differ by a hair. Answers where each run ends.
 */
export function shareOut(costs: readonly number[], speeds: readonly number[]): number[] {
  const upTo = sumsOf(costs);
  const [total, speed] = [upTo.at(-1)!, sumsOf(speeds).at(-1)!];
  const time = shortestTime(upTo, speeds, total / speed);
  const starts = latestNeeded(upTo, speeds, time);
  let [end, share] = [0, 0];
  return speeds.map((own, place) => {
    const most = fill(upTo, end, own * time);
    share += (own / speed) * total;
    // The middle of a leaf on the line of all work decides whose it would be.
    while (end < most && (upTo[end]! + upTo[end + 1]!) / 2 <= share) end++;
    end = Math.max(end, Math.min(most, starts[place + 1]!));
    return end;
  });
}

/** `sums[i]`: of the values before place `i`. */
function sumsOf(values: readonly number[]): number[] {
  const sums = [0];
  for (const value of values) sums.push(sums.at(-1)! + value);
  return sums;
}

/** Sums of costs in another order differ in their last bits. */
const roundingRoom = 1 + 1e-9;

/** Where a run ends that begins at `from` and costs `room` at most. */
function fill(upTo: readonly number[], from: number, room: number): number {
  let end = from;
  while (end < upTo.length - 1 && upTo[end + 1]! - upTo[from]! <= room * roundingRoom) end++;
  return end;
}

/** To a millionth of the time. */
const halvings = 20;

/** The least time in which the members, one after the other, can do the whole row. */
function shortestTime(upTo: readonly number[], speeds: readonly number[], least: number): number {
  const isEnough = (time: number) => speeds.reduce((end, own) => fill(upTo, end, own * time), 0) === upTo.length - 1;
  if (isEnough(least)) return least;
  let [tooShort, enough] = [least, 2 * least];
  while (!isEnough(enough)) [tooShort, enough] = [enough, 2 * enough];
  for (let i = 0; i < halvings; i++) {
    const middle = (tooShort + enough) / 2;
    if (isEnough(middle)) enough = middle;
    else tooShort = middle;
  }
  return enough;
}

/** `starts[i]`: the first leaf that members from `i` on can still do in this time, up to the end of the row. */
function latestNeeded(upTo: readonly number[], speeds: readonly number[], time: number): number[] {
  const starts = [upTo.length - 1];
  for (const own of speeds.toReversed()) {
    const end = starts[0]!;
    let start = end;
    while (start > 0 && upTo[end]! - upTo[start - 1]! <= own * time * roundingRoom) start--;
    starts.unshift(start);
  }
  return starts;
}

/** Leaves of the current step whose turn it is here first. */
export function ownHome({ home, self, rules, step }: ExchangeState): readonly Leaf[] {
  const member = home.members.indexOf(self);
  return member < 0 ? [] : rules.leavesOf(step).filter((_, place) => home.memberAt[place] === member);
}
