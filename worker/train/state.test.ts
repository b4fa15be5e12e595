import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aJob } from '../../test/support/aJob.js';
import { aSequence, aSpec } from '../../test/support/aSpec.js';
import { initialAdapter } from '../adapter/init.js';
import { sitesOf } from '../adapter/sites.js';
import { compileRecipe } from '../recipe/compile.js';
import { applyStep, initialState, restore, snapshot, supervisedOf } from './state.js';

const base = { sha256: 'b'.repeat(64), spec: aSpec() };
const { recipe } = compileRecipe({
  job: aJob({ training: { maxSteps: 12 } }).spec,
  base,
  dataset: { train: Array.from({ length: 6 }, (_, index) => aSequence(20, { first: index })), evaluation: [] },
  general: [],
});
const fresh = () => initialState(initialAdapter(recipe.method, sitesOf(base.spec)));
const pause = async () => {};

function gradients(fill: number, lossSum = 10): Float32Array {
  const reduced = new Float32Array(recipe.layout.length);
  for (const { offset, shape } of recipe.layout.tensors) reduced.fill(fill, offset, offset + shape[0]! * shape[1]!);
  reduced[recipe.layout.lossSlot] = lossSum;
  return reduced;
}

test('a step changes every trained number, no gap and no statistic, and keeps its loss', async () => {
  const state = fresh();
  const before = state.master.slice();
  const outcome = await applyStep(state, recipe, gradients(0.5, 8), pause);
  assert.deepEqual(outcome, {
    loss: 8 / supervisedOf(recipe, 0),
    norm: outcome.norm,
    skipped: false,
  });
  const trained = new Set<number>();
  for (const { offset, shape } of recipe.layout.tensors)
    for (let index = offset; index < offset + shape[0]! * shape[1]!; index++) trained.add(index);
  before.forEach((value, index) => {
    assert.equal(state.master[index] !== value, trained.has(index), `number ${index}`);
  });
  assert.deepEqual(state.scalars, {
    step: 1,
    beta1Power: 0.9,
    beta2Power: 0.999,
    skipped: 0,
    skippedInARow: 0,
    losses: [outcome.loss],
    evaluations: [],
  });
});

test('gradients that are not finite skip the step: nothing but the counters moves', async () => {
  const state = fresh();
  await applyStep(state, recipe, gradients(0.5), pause);
  const { master, mean, square, scalars } = {
    ...state,
    master: state.master.slice(),
    mean: state.mean.slice(),
    square: state.square.slice(),
  };
  const broken = gradients(0.5);
  broken[3] = Number.NaN;
  const outcome = await applyStep(state, recipe, broken, pause);
  assert.equal(outcome.skipped, true);
  assert.deepEqual([state.master, state.mean, state.square], [master, mean, square]);
  assert.deepEqual({ ...state.scalars, losses: [] }, { ...scalars, losses: [], step: 2, skipped: 1, skippedInARow: 1 });
});

test('a loss that is not finite skips the step too', async () => {
  const state = fresh();
  assert.deepEqual((await applyStep(state, recipe, gradients(0.5, Number.NaN), pause)).skipped, true);
  assert.deepEqual(state.scalars.losses, [null]);
});

test('a good step ends a row of skips, and the fifth skip in a row fails the job', async () => {
  const state = fresh();
  for (let count = 0; count < 4; count++) await applyStep(state, recipe, gradients(Number.NaN), pause);
  await applyStep(state, recipe, gradients(0.1), pause);
  assert.equal(state.scalars.skippedInARow, 0);
  for (let count = 0; count < 4; count++) await applyStep(state, recipe, gradients(Number.NaN), pause);
  await assert.rejects(applyStep(state, recipe, gradients(Number.NaN), pause), { name: 'GradientsNotFinite' });
});

test('a snapshot is the same bytes for the same state, and restores to a state that trains on to the same bits', async () => {
  const one = fresh();
  const two = fresh();
  for (const state of [one, two]) await applyStep(state, recipe, gradients(0.25), pause);
  assert.deepEqual(snapshot(one), snapshot(two));
  const other = fresh();
  // At an odd address, as it may come out of a network buffer.
  const moved = new Uint8Array(snapshot(one).length + 1);
  moved.set(snapshot(one), 1);
  restore(other, moved.subarray(1));
  assert.deepEqual(other, one);
  await applyStep(one, recipe, gradients(-1), pause);
  await applyStep(other, recipe, gradients(-1), pause);
  assert.deepEqual(snapshot(other), snapshot(one));
});

test('a damaged or foreign snapshot is refused and changes nothing', () => {
  const state = fresh();
  const bytes = snapshot(state);
  const damaged = bytes.slice();
  damaged[bytes.length - 5]! ^= 1;
  for (const wrong of [damaged, bytes.subarray(0, bytes.length - 1), new Uint8Array(10), new Uint8Array(128)])
    assert.throws(() => restore(state, wrong), { name: 'StateCorrupt' });
  const larger = initialState(new Float32Array(recipe.layout.length + 16));
  assert.throws(() => restore(state, snapshot(larger)), { name: 'StateForeign' });
  assert.deepEqual(snapshot(state), bytes);
});
