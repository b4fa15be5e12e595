import { type ExchangeState, isJoined, isReachable } from './state.js';

export interface Speeds {
  /**
   * Cost units per millisecond of one engine. An unmeasured one is taken to be like our own, and a newcomer takes itself to be
   * like those it has heard of: as slow as nothing else it would never be given a first leaf.
   */
  readonly rateOf: (id: string) => number;
  /** Of all its engines together. */
  readonly speedOf: (id: string) => number;
}

/** What is known now, for many questions: while nobody has measured, each would ask everybody. */
export function speedsOf(state: ExchangeState): Speeds {
  let usual: number | undefined;
  const rateOf = (id: string) => {
    const known = id === state.self ? state.rate : (state.peers.get(id)?.status?.rate ?? 0);
    if (known !== 0 || state.rate !== 0) return known || state.rate;
    usual ??= usualRate(state);
    return usual || 1;
  };
  const parallelOf = (id: string) =>
    id === state.self ? state.parallel : (state.peers.get(id)?.status?.parallel ?? state.parallel);
  return { rateOf, speedOf: (id) => rateOf(id) * parallelOf(id) };
}

/** The mean of what peers say of themselves; 0 = nobody has measured. */
export function usualRate({ peers }: ExchangeState): number {
  let [sum, count] = [0, 0];
  for (const { status } of peers.values())
    if (status !== undefined && status.rate > 0) [sum, count] = [sum + status.rate, count + 1];
  return count === 0 ? 0 : sum / count;
}

/** Below this share of the others' median speed a worker owns no shards; above the second one it does again. */
const sparedBelow = 0.5;
const sparedUntil = 0.75;

/**
 * Whether this worker is too slow to own shards. An owner receives, adds and sends its share of everything, and all wait
 * for that: at a quarter of their speed it takes four times as long over it. Each decides for itself alone, between two
 * steps, and says so in its status; nobody need agree, for owners are hints.
 */
export function isSpared(state: ExchangeState): boolean {
  if (state.rules.assignment === 'fixed' || state.rate === 0) return false;
  const { speedOf } = speedsOf(state);
  const others = [...state.peers]
    .filter(([id, peer]) => isJoined(state, id) && isReachable(state, peer) && (peer.status?.rate ?? 0) > 0)
    .map(([id]) => speedOf(id))
    .sort((a, b) => a - b);
  const median = others[(others.length - 1) >> 1];
  return median !== undefined && speedOf(state.self) < median * (state.spared ? sparedUntil : sparedBelow);
}
