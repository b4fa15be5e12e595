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
  let k0 = key[0];
  let k1 = key[1];
  let a = c0;
  let b = c1;
  let c = c2;
  let d = c3;
  for (let round = 0; round < rounds; round++) {
    const highA = highProduct(a, multiplierA >>> 16, multiplierA & 0xffff);
    const highB = highProduct(c, multiplierB >>> 16, multiplierB & 0xffff);
    const lowA = Math.imul(multiplierA, a);
    a = highB ^ b ^ k0;
    b = Math.imul(multiplierB, c);
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

/** Upper 32 bits of x times the constant `high` * 2^16 + `low`, all unsigned; int32 operations only, so it stays fast. */
function highProduct(x: number, high: number, low: number): number {
  const xLow = x & 0xffff;
  const xHigh = x >>> 16;
  // Neither sum passes 2^32: (2^16 - 1)^2 + 2^16 - 1 = 2^32 - 2^16.
  const first = (Math.imul(xHigh, low) + (Math.imul(xLow, low) >>> 16)) | 0;
  const second = (Math.imul(xLow, high) + (first & 0xffff)) | 0;
  return (Math.imul(xHigh, high) + (first >>> 16) + (second >>> 16)) | 0;
}

/** The key of a job's seed (an integer of 0 .. 2^53 - 1) in one domain. */
export function keyOf(seed: number, domain: Domain): Key {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RangeError(`a seed is an integer of 0 to 2^53 - 1, not ${seed}`);
  const low = seed % 0x100000000;
  return [low | 0, ((seed - low) / 0x100000000) | (domains[domain] << 21)];
}

/**
 * Inverted dropout for one tensor of `shape` inside one packed sequence: 0 with probability `rate` (rounded to a multiple
 * of 2^-16), else 1 / (1 - rate).
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

/** `dropoutMask` into a buffer of the caller (a row of an engine's input). A draw takes 16 bits: eight to a block. */
export function fillDropoutMask(
  mask: Float32Array,
  seed: number,
  step: number,
  sequence: number,
  site: number,
  rate: number,
): void {
  if (!(rate >= 0 && rate < 1)) throw new RangeError(`a dropout rate lies in [0, 1), not ${rate}`);
  const threshold = Math.min(Math.round(rate * 0x10000), 0xffff);
  const kept = Math.fround(0x10000 / (0x10000 - threshold));
  const key = keyOf(seed, 'dropout');
  const block = new Uint32Array(4);
  const draws = new Uint16Array(block.buffer);
  for (let start = 0, counter = 0; start < mask.length; start += 8, counter++) {
    philox(counter, site, sequence, step, key, block);
    const end = Math.min(start + 8, mask.length);
    for (let index = start; index < end; index++) mask[index] = draws[index - start]! < threshold ? 0 : kept;
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
  const key = keyOf(seed, 'init');
  const block = new Uint32Array(4);
  for (let start = 0, counter = 0; start < count; start += 4, counter++) {
    philox(counter, stream, 0, 0, key, block);
    const end = Math.min(start + 4, count);
    for (let index = start; index < end; index++)
      values[index] = (block[index - start]! / 0x100000000) * 2 * limit - limit;
  }
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
