import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../common/root.js';
import { adamwShard } from './adamw.js';
import { clipCoefficient, globalNorm, sumOfSquares } from './norm.js';
import { learningRates, type Schedule } from './schedule.js';

const golden = <T>(name: string): T =>
  JSON.parse(readFileSync(join(packageRoot(), 'test/golden/training', name), 'utf8')) as T;

interface Moments {
  readonly weight: readonly number[];
  readonly mean: readonly number[];
  readonly square: readonly number[];
}
/** test/golden/training.py: torch.optim.AdamW over 12 steps, gradients from 1e-6 to 1e2. */
const peer = golden<{
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly initial: readonly number[];
  readonly gradients: readonly (readonly number[])[];
  readonly float64: Moments;
  readonly float32: Moments;
}>('adamw.json');

function ours(cuts: readonly number[]): { master: Float32Array; mean: Float32Array; square: Float32Array } {
  const size = peer.initial.length;
  const state = {
    master: Float32Array.from(peer.initial),
    mean: new Float32Array(size),
    square: new Float32Array(size),
  };
  let beta1Power = 1;
  let beta2Power = 1;
  for (const gradient of peer.gradients) {
    beta1Power *= peer.beta1;
    beta2Power *= peer.beta2;
    const step = { options: peer, learningRate: peer.learningRate, gradientScale: 1 / 4, beta1Power, beta2Power };
    // The reduced vector is a sum over 4 supervised tokens.
    const reduced = Float32Array.from(gradient, (value) => 4 * value);
    [...cuts, size].forEach((end, index) => {
      adamwShard(state, reduced, [cuts[index - 1] ?? 0, end], step);
    });
  }
  return state;
}

/** Largest error in units of `scale`, number by number. */
const furthest = (a: ArrayLike<number>, b: readonly number[], scale: readonly number[]): number =>
  b.reduce((most, value, index) => Math.max(most, Math.abs(a[index]! - value) / scale[index]!), 0);

const { float64, float32 } = peer;
const ones = float64.weight.map(() => 1);
/** A mean of gradients that cancel is as exact as the gradients are large, not as it is itself. */
const gradientSize = float64.square.map(Math.sqrt);

test('AdamW follows torch in float64 to float32 rounding, and weights more closely than torch in float32 does', () => {
  const { master, mean, square } = ours([]);
  // Weights of size 2: twelve stores, each rounded to 2^-24 of the value.
  assert.ok(furthest(master, float64.weight, ones) < 5e-7);
  assert.ok(furthest(mean, float64.mean, gradientSize) < 1e-6);
  assert.ok(furthest(square, float64.square, float64.square) < 5e-7);
  assert.ok(furthest(master, float64.weight, ones) < furthest(float32.weight, float64.weight, ones));
});

test('AdamW follows torch in float32', () => {
  const { master, mean, square } = ours([]);
  assert.ok(furthest(master, float32.weight, ones) < 1.5e-6);
  assert.ok(furthest(mean, float32.mean, gradientSize) < 1e-6);
  assert.ok(furthest(square, float32.square, float64.square) < 5e-7);
});

test('shard by shard gives the bits of the whole', () => {
  assert.deepEqual(ours([16, 32]), ours([]));
});

test('schedules are those of transformers to the last bits', () => {
  const cases =
    golden<readonly (Schedule & { steps: number; highest: number; rates: readonly number[] })[]>('schedules.json');
  for (const { steps, highest, rates, ...schedule } of cases) {
    const own = learningRates(highest, schedule, steps);
    assert.equal(own.length, rates.length);
    const far = own.filter((rate, step) => Math.abs(rate - rates[step]!) > 4e-16 * highest);
    assert.deepEqual(far, [], `${schedule.type} with ${schedule.warmupSteps} of ${steps}`);
    // Only the cosine may differ at all: by the last bit of cos.
    if (schedule.type !== 'cosine') assert.deepEqual(own, rates);
  }
});

test('the norm is that of the whole vector, with every length and shards in order', () => {
  const vector = Float32Array.from({ length: 37 }, (_, index) => index - 18);
  const expected = Math.sqrt([...vector].reduce((sum, value) => sum + value * value, 0));
  assert.equal(globalNorm(vector, [[0, 37]]), expected);
  assert.equal(
    globalNorm(vector, [
      [0, 16],
      [16, 32],
      [32, 37],
    ]),
    expected,
  );
  assert.equal(sumOfSquares(vector, [3, 3]), 0);
});

test('the norm of huge gradients is finite and that of broken ones is not', () => {
  assert.ok(Number.isFinite(globalNorm(new Float32Array(64).fill(3e38), [[0, 64]])));
  assert.ok(!Number.isFinite(globalNorm(Float32Array.of(1, Number.NaN, 2, 3), [[0, 4]])));
  assert.equal(globalNorm(Float32Array.of(1, Number.POSITIVE_INFINITY), [[0, 2]]), Number.POSITIVE_INFINITY);
});

test('clipping shrinks large gradients and leaves small ones alone', () => {
  assert.equal(clipCoefficient(2, 1), 1 / (2 + 1e-6));
  assert.equal(clipCoefficient(0.5, 1), 1);
  assert.equal(clipCoefficient(1e9, null), 1);
});
