import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../common/log.js';
import { aClock } from '../test/support/aClock.js';
import { createCheckpointer } from './checkpoints.js';
import type { Recipe } from './recipe/recipe.js';
import { withFaults } from './store/faults.js';
import { createMemoryStore } from './store/memory.js';
import type { TrainState } from './train/state.js';

const recipeHash = 'a'.repeat(64);

function stateAt(step: number): TrainState {
  const vector = () => new Float32Array(16).fill(step);
  const scalars = { step } as TrainState['scalars'];
  return { scalars, master: vector(), mean: vector(), square: vector() };
}

/** A worker alone that saves every four steps into a store that fails while `broken` says so. */
function aCheckpointer() {
  const saved: number[] = [];
  const broken = { now: false };
  const store = withFaults(createMemoryStore(), ({ kind }) =>
    broken.now && kind === 'write' ? { when: 'before', error: new Error('no space left') } : undefined,
  );
  const state = stateAt(0);
  const checkpointer = createCheckpointer({
    store,
    recipe: { shards: [[0, 16]] } as unknown as Recipe,
    recipeHash,
    member: 'a',
    state,
    view: () => undefined,
    everySteps: 4,
    keepLast: 2,
    clock: aClock(),
    log: silentLogger,
    fingerprint: 'f',
    onSaved: (step) => saved.push(step),
  });
  const step = async (number: number) => {
    Object.assign(state, stateAt(number + 1));
    checkpointer.applied(number);
    await checkpointer.settled();
  };
  return { checkpointer, broken, saved, step };
}

test('a checkpoint is taken every so many steps', async () => {
  const { saved, step } = aCheckpointer();
  for (let number = 0; number < 12; number++) await step(number);
  assert.deepEqual(saved, [4, 8, 12]);
});

test('one that could not be saved is made up for at the next step, and after more failures less often', async () => {
  const { broken, saved, step } = aCheckpointer();
  for (let number = 0; number < 16; number++) {
    // The fourth step's fails, the one after it does not; the eighth's fails, and the one after it too.
    broken.now = [3, 7, 8].includes(number);
    await step(number);
  }
  assert.deepEqual(saved, [5, 11, 12, 16]);
});

test('on the way out the present state is saved whole, once', async () => {
  const { checkpointer, saved, step } = aCheckpointer();
  for (let number = 0; number < 6; number++) await step(number);
  await checkpointer.saveNow();
  await checkpointer.saveNow();
  assert.deepEqual(saved, [4, 6]);
});
