import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aJob } from '../../test/support/aJob.js';
import { aSequence, aSpec } from '../../test/support/aSpec.js';
import { runAlone } from '../../test/support/runAlone.js';
import { initialAdapter } from '../adapter/init.js';
import { sitesOf } from '../adapter/sites.js';
import type { Engine, MicroBatch } from '../engine/engine.js';
import { compileRecipe } from '../recipe/compile.js';
import { decodeTokens } from '../recipe/tokens.js';
import { initialState } from './state.js';
import { createTrainee, recipeFacts } from './trainee.js';

const base = { sha256: 'b'.repeat(64), spec: aSpec() };
const compiled = compileRecipe({
  job: aJob({ training: { maxSteps: 6, batch: { sequences: 5, microBatch: 2 } } }).spec,
  base,
  dataset: {
    train: Array.from({ length: 11 }, (_, index) => aSequence(12 + 9 * index, { first: index })),
    evaluation: [aSequence(9), aSequence(10), aSequence(11), aSequence(100)],
  },
  general: [],
});
const { recipe, hash } = compiled;
const tokens = decodeTokens(compiled.tokens);
const { signal } = new AbortController();

/**
 * An engine whose model has one answer: every trained number's gradient is itself minus a target made of the batch's ids,
 * times the supervised tokens. Finishes in an order of its own.
 */
function anEngine(turns: number, seen: MicroBatch[] = []): Engine {
  const wait = async () => {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const weigh = ({ weights }: MicroBatch) => weights.reduce((sum, weight) => sum + weight, 0);
  const lossOf = (batch: MicroBatch, adapter: Float32Array) => weigh(batch) * Math.fround(1 + adapter[0]! ** 2);
  return {
    async leaf(batch, adapter) {
      seen.push(batch);
      const copy = adapter.slice();
      await wait();
      const gradient = new Float32Array(recipe.layout.length);
      const target = batch.ids.reduce((sum, id) => sum + id, 0) / 1000;
      for (const { offset, shape } of recipe.layout.tensors)
        for (let index = offset; index < offset + shape[0]! * shape[1]!; index++)
          gradient[index] = weigh(batch) * (copy[index]! - target);
      gradient[recipe.layout.lossSlot] = lossOf(batch, copy);
      return gradient;
    },
    async loss(batch, adapter) {
      await wait();
      return lossOf(batch, adapter);
    },
    close: async () => {},
  };
}

const aTrainee = (engines: readonly Engine[], onApplied: (step: number) => void = () => {}) =>
  createTrainee({
    recipe,
    tokens,
    engines,
    state: initialState(initialAdapter(recipe.method, sitesOf(base.spec))),
    onApplied,
  });

test('a whole job runs in one process, and its bits do not depend on the number or the speed of engines', async () => {
  const alone = aTrainee([anEngine(0)]);
  const steps: number[] = [];
  const several = aTrainee([anEngine(3), anEngine(0), anEngine(7)], (step) => steps.push(step));
  await runAlone(alone, recipe, { untilStep: 6, signal });
  await runAlone(several, recipe, { untilStep: 6, signal });
  assert.deepEqual(several.snapshot(), alone.snapshot());
  assert.deepEqual(steps, [0, 1, 2, 3, 4, 5]);
  assert.equal(alone.state.scalars.losses.length, 6);
});

test('a step is taken whether or not anybody listens', async () => {
  const heard = aTrainee([anEngine(0)]);
  const state = initialState(initialAdapter(recipe.method, sitesOf(base.spec)));
  const unheard = createTrainee({ recipe, tokens, engines: [anEngine(0)], state });
  await runAlone(heard, recipe, { untilStep: 2, signal });
  await runAlone(unheard, recipe, { untilStep: 2, signal });
  assert.deepEqual(unheard.snapshot(), heard.snapshot());
});

test('a job that is interrupted and restored elsewhere ends in the same bits', async () => {
  const whole = aTrainee([anEngine(0)]);
  await runAlone(whole, recipe, { untilStep: 6, signal });
  const first = aTrainee([anEngine(0)]);
  await runAlone(first, recipe, { untilStep: 2, signal });
  const second = aTrainee([anEngine(1), anEngine(2)]);
  second.restore(first.snapshot());
  assert.equal(second.nextStep, 2);
  await runAlone(second, recipe, { untilStep: 6, signal });
  assert.deepEqual(second.snapshot(), whole.snapshot());
});

test('leaves carry step and sequences, and no engine sees two at once', async () => {
  const seen: MicroBatch[] = [];
  const trainee = aTrainee([anEngine(1, seen)]);
  await runAlone(trainee, recipe, { untilStep: 2, signal });
  assert.deepEqual(
    seen.map(({ step, sequences }) => ({ step, sequences })),
    recipe.batches.slice(0, 2).flatMap((leaves, step) => leaves.map(({ sequences }) => ({ step, sequences }))),
  );
});

test('a leaf that still runs when its step is applied does not see the new adapter, and one that waits is refused', async () => {
  const engine = anEngine(5);
  let adapterSeen: Float32Array | undefined;
  const watching: Engine = {
    ...engine,
    leaf: (batch, adapter) => {
      adapterSeen ??= adapter;
      return engine.leaf(batch, adapter);
    },
  };
  const trainee = aTrainee([watching]);
  const before = trainee.state.master.slice();
  const running = trainee.computeLeaf(0, 0, signal);
  const waiting = trainee.computeLeaf(0, 1, signal);
  const refused = assert.rejects(waiting, { name: 'StepPassed' });
  await new Promise((resolve) => setImmediate(resolve));
  const reduced = new Float32Array(recipe.layout.length).fill(1);
  await trainee.apply(0, reduced);
  assert.deepEqual(adapterSeen, before);
  await running;
  await refused;
  await assert.rejects(trainee.apply(0, reduced), { name: 'StepPassed' });
});

test('an aborted leaf leaves the queue and its engine goes on', async () => {
  const trainee = aTrainee([anEngine(3)]);
  const controller = new AbortController();
  const running = trainee.computeLeaf(0, 0, signal);
  const unwanted = trainee.computeLeaf(0, 1, controller.signal);
  controller.abort(new Error('stolen'));
  await assert.rejects(unwanted, /stolen/);
  await running;
  assert.equal((await trainee.computeLeaf(0, 1, signal)).length, recipe.layout.length);
  await assert.rejects(trainee.computeLeaf(0, 1, controller.signal), /stolen/);
});

test('held-out losses are taken before the first and after the last step, and are means over supervised tokens', async () => {
  const trainee = aTrainee([anEngine(2), anEngine(0)]);
  const last = recipe.training.steps;
  const lossNow = () => Math.fround(1 + trainee.state.master[0]! ** 2);
  const before = lossNow();
  await runAlone(trainee, recipe, { untilStep: last, signal });
  const after = lossNow();
  assert.notEqual(after, before);
  await runAlone(trainee, recipe, { untilStep: last + 1, signal });
  assert.deepEqual(trainee.state.scalars.losses.length, last);
  assert.equal(trainee.nextStep, last + 1);
  const { evaluations } = trainee.state.scalars;
  assert.deepEqual(
    evaluations.map(({ step, general }) => ({ step, general })),
    [
      { step: 0, general: null },
      { step: last, general: null },
    ],
  );
  assert.ok(Math.abs(evaluations[0]!.evaluation! - before) < 1e-6);
  assert.ok(Math.abs(evaluations[1]!.evaluation! - after) < 1e-6);
});

test('the exchange is told costs, shards and sizes of the recipe', () => {
  const facts = recipeFacts(recipe, hash);
  assert.equal(facts.hash, hash);
  assert.equal(facts.vectorLength, recipe.layout.length);
  assert.deepEqual(
    facts.leavesOf(1).map(({ index }) => index),
    recipe.batches[1]!.map((_, index) => index),
  );
  assert.equal(facts.leavesOf(0).length, recipe.batches[0]!.length + recipe.evaluation.leaves.length);
  assert.equal(facts.steps, recipe.training.steps + 1);
  const longest = Math.max(...recipe.shapes.map(({ rows, tokens: width }) => rows * width));
  assert.ok(recipe.batches.every((_, step) => facts.leavesOf(step).every(({ cost }) => cost > 0 && cost <= longest)));
});
