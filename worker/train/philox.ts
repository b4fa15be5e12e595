import { cos, log, pi } from './math.js';

/**
 * Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): counter-based, so every draw is
 * addressed by what it is for and no draw depends on who made the one before.
 */
const multiplierA = 0xd2511f53;
const multiplierB = 0xcd9e8d57;
const weylA = 0x9e3779b9;
const weylB = 0xbb67ae85;
const rounds = 10;

/** What draws are for; part of the key, so streams never meet. */
const domains = { dropout: 1, shuffle: 2, init: 3 } as const;
export type Domain = keyof typeof domains;

export type Key = readonly [number, number];

/** Fills `out` with four uint32 for one counter. */
export function philox(c0: number, c1: number, c2: number, c3: number, key: Key, out: Uint32Array): void {
  let [k0, k1] = key;
  let a = c0;
  let b = c1;
  let c = c2;
  let d = c3;
  for (let round = 0; round < rounds; round++) {
    const highA = highProduct(multiplierA, a);
    const lowA = Math.imul(multiplierA, a);
    const highB = highProduct(multiplierB, c);
    const lowB = Math.imul(multiplierB, c);
    a = highB ^ b ^ k0;
    b = lowB;
    c = highA ^ d ^ k1;
    d = lowA;
    k0 = (k0 + weylA) | 0;
    k1 = (k1 + weylB) | 0;
  }
  out[0] = a;
  out[1] = b;
  out[2] = c;
  out[3] = d;
}

/** Upper 32 bits of the 64-bit product of two uint32. */
function highProduct(x: number, y: number): number {
  const xLow = x & 0xffff;
  const xHigh = x >>> 16;
  const yLow = y & 0xffff;
  const yHigh = y >>> 16;
  const low = Math.imul(xLow, yLow) >>> 16;
  const first = (Math.imul(xHigh, yLow) >>> 0) + low;
  const second = (Math.imul(xLow, yHigh) >>> 0) + (first & 0xffff);
  // `first` and `second` stay below 2^32: (2^16 - 1)^2 + 2^16 - 1.
  return (Math.imul(xHigh, yHigh) + (first >>> 16) + (second >>> 16)) | 0;
}

/** The key of a job's seed (an integer of 0 .. 2^53 - 1) in one domain. */
export function keyOf(seed: number, domain: Domain): Key {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RangeError(`a seed is an integer of 0 to 2^53 - 1, not ${seed}`);
  const low = seed % 0x100000000;
  return [low | 0, ((seed - low) / 0x100000000) | (domains[domain] << 21)];
}

/**
 * Inverted dropout for one tensor of `shape` inside one packed sequence: 0 with probability `rate`, else 1 / (1 - rate).
 * @param site which dropout of the graph: its index among the adapter's modules in code-unit order.
 */
export function dropoutMask(
  seed: number,
  step: number,
  sequence: number,
  site: number,
  shape: readonly number[],
  rate: number,
): Float32Array {
  const mask = new Float32Array(shape.reduce((product, size) => product * size, 1));
  fillDropoutMask(mask, seed, step, sequence, site, rate);
  return mask;
}

/** `dropoutMask` into a buffer of the caller (a row of an engine's input). */
export function fillDropoutMask(
  mask: Float32Array,
  seed: number,
  step: number,
  sequence: number,
  site: number,
  rate: number,
): void {
  if (!(rate >= 0 && rate < 1)) throw new RangeError(`a dropout rate lies in [0, 1), not ${rate}`);
  const key = keyOf(seed, 'dropout');
  const kept = Math.fround(1 / (1 - rate));
  const threshold = rate * 0x100000000;
  const words = new Uint32Array(4);
  for (let start = 0, block = 0; start < mask.length; start += 4, block++) {
    philox(block, site, sequence, step, key, words);
    for (let lane = 0; lane < 4 && start + lane < mask.length; lane++)
      mask[start + lane] = words[lane]! < threshold ? 0 : kept;
  }
}

/** uint32 draws of one stream, in order. */
export function* words(seed: number, domain: Domain, stream: number): Generator<number, never> {
  const key = keyOf(seed, domain);
  const block = new Uint32Array(4);
  for (let counter = 0; ; counter++) {
    philox(counter, stream, 0, 0, key, block);
    for (let lane = 0; lane < 4; lane++) yield block[lane]!;
  }
}

/** A permutation of 0 .. count - 1 for one epoch: Fisher-Yates with draws that are rejected where they would be biased. */
export function shuffle(count: number, seed: number, epoch: number): Int32Array {
  const order = Int32Array.from({ length: count }, (_, index) => index);
  const draws = words(seed, 'shuffle', epoch);
  for (let last = count - 1; last > 0; last--) {
    const other = below(last + 1, draws);
    const held = order[last]!;
    order[last] = order[other]!;
    order[other] = held;
  }
  return order;
}

/** A uniform integer in [0, bound): draws at or above the largest multiple of `bound` are thrown away. */
function below(bound: number, draws: Generator<number, never>): number {
  const limit = 0x100000000 - (0x100000000 % bound);
  for (;;) {
    const draw = draws.next().value;
    if (draw < limit) return draw % bound;
  }
}

/** `count` float32 values uniform in [-limit, limit). */
export function uniform(count: number, limit: number, seed: number, stream: number): Float32Array {
  const values = new Float32Array(count);
  const draws = words(seed, 'init', stream);
  for (let index = 0; index < count; index++) values[index] = (draws.next().value / 0x100000000) * 2 * limit - limit;
  return values;
}

/** `count` float32 values of the normal distribution with mean 0 (Box-Muller). */
export function normal(count: number, deviation: number, seed: number, stream: number): Float32Array {
  const values = new Float32Array(count);
  const draws = words(seed, 'init', stream);
  for (let index = 0; index < count; index++) {
    const radius = Math.sqrt(-2 * log((draws.next().value + 1) / 0x100000000));
    values[index] = deviation * radius * cos((draws.next().value / 0x100000000) * 2 * pi);
  }
  return values;
}
