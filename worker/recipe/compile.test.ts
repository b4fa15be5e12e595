import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import type { FineTuneJobSpec } from '../../api/fineTuneJob.js';
import { parseJob } from '../../api/parse/parseJob.js';
import { aJob } from '../../test/support/aJob.js';
import { aSequence, aSpec } from '../../test/support/aSpec.js';
import { compileRecipe, type RecipeInputs, recipeHash } from './compile.js';
import { inspectRecipe } from './inspect.js';

const inputs = (over: Partial<RecipeInputs> = {}): RecipeInputs => ({
  job: aJob().spec,
  base: { sha256: 'b'.repeat(64), spec: aSpec() },
  dataset: {
    train: Array.from({ length: 10 }, (_, index) => aSequence(20 + index, { first: index })),
    evaluation: [aSequence(9), aSequence(40)],
  },
  general: [aSequence(30, { first: 7 })],
  ...over,
});
const hashOf = (over: Partial<RecipeInputs> = {}) => compileRecipe(inputs(over)).hash;
const jobHash = (job: FineTuneJobSpec) => hashOf({ job });

const manifest = (spec: string): FineTuneJobSpec =>
  parseJob(`apiVersion: espalier.dev/v1alpha1\nkind: FineTuneJob\nmetadata: { name: a }\nspec:\n${spec}`, {
    file: 'job.yaml',
  }).spec;

test('the hash does not depend on how the manifest is written', () => {
  const plain = manifest(`
  base: { source: ./base }
  data: { train: [{ source: ./train.jsonl }] }
  method: { lora: { rank: 4, alpha: 8 } }
  training: { maxSteps: 4, learningRate: 0.0002, batch: { sequences: 4 } }
  output: { destination: ./out }`);
  const other = manifest(`
  output:
    destination: s3://elsewhere/models/
  training:
    batch:
      sequences: 4
    learningRate: 2.0e-4
    maxSteps: 4
  method:
    lora:
      alpha: 8.0
      rank: 4
  data:
    train:
      - source: ./train.jsonl
  base:
    source: "./base"`);
  assert.equal(jobHash(plain), jobHash(other));
});

test('the hash does not depend on workers, output, lifecycle, checkpoints or memory', () => {
  const same = [
    aJob({ workers: { replicas: 7, minReplicas: 2, engines: 3, memoryBudget: '9Gi' } }),
    aJob({ output: { destination: 's3://other/place/', merged: true } }),
    aJob({ suspend: true, activeDeadlineSeconds: 60, ttlSecondsAfterFinished: 60 }),
    aJob({ checkpoint: { everySteps: 1, keepLast: 9 } }),
    aJob({}, 'another-name'),
    aJob({ base: { source: './the-same-bytes-elsewhere' } }),
    aJob({ workers: { memoryBudget: '1Gi', engines: 3 } }),
  ];
  assert.deepEqual([...new Set(same.map(({ spec }) => jobHash(spec)))], [hashOf()]);
});

test('the hash differs for everything that changes bits', () => {
  const training = (over: NonNullable<Parameters<typeof aJob>[0]>['training']) => aJob({ training: over ?? {} }).spec;
  const lora = (over: object) => aJob({ method: { lora: { rank: 4, alpha: 8, ...over } } }).spec;
  const { dataset, general } = inputs();
  const hashes = {
    plain: hashOf(),
    seed: jobHash(training({ seed: 1 })),
    steps: jobHash(training({ maxSteps: 5 })),
    learningRate: jobHash(training({ learningRate: 3e-4 })),
    schedule: jobHash(training({ schedule: { type: 'cosine' } })),
    warmup: jobHash(training({ schedule: { warmupSteps: 2 } })),
    beta1: jobHash(training({ optimizer: { beta1: 0.8 } })),
    beta2: jobHash(training({ optimizer: { beta2: 0.99 } })),
    epsilon: jobHash(training({ optimizer: { epsilon: 1e-7 } })),
    weightDecay: jobHash(training({ optimizer: { weightDecay: 0.1 } })),
    maxGradNorm: jobHash(training({ maxGradNorm: 2 })),
    batch: jobHash(training({ batch: { sequences: 5 } })),
    microBatch: jobHash(training({ batch: { microBatch: 2 } })),
    evaluation: jobHash(training({ evaluation: { everySteps: 2 } })),
    buckets: jobHash(aJob({ data: { buckets: [40, 512] } }).spec),
    device: jobHash(aJob({ workers: { device: 'webgpu' } }).spec),
    rank: jobHash(lora({ rank: 8 })),
    alpha: jobHash(lora({ alpha: 9 })),
    rsLora: jobHash(lora({ rsLora: true })),
    dropout: jobHash(lora({ dropout: 0.1 })),
    targets: jobHash(lora({ targetModules: ['q_proj'] })),
    layers: jobHash(lora({ layersToTransform: [1] })),
    excluded: jobHash(lora({ excludeModules: ['v_proj'] })),
    init: jobHash(lora({ init: 'gaussian' })),
    base: hashOf({ base: { sha256: 'c'.repeat(64), spec: aSpec() } }),
    data: hashOf({ dataset: { ...dataset, train: [...dataset.train].reverse() } }),
    general: hashOf({ general: [...general, aSequence(5)] }),
  };
  const names = new Map<string, string>();
  for (const [name, hash] of Object.entries(hashes)) {
    assert.equal(names.get(hash), undefined, `${name} and ${names.get(hash)} have one hash`);
    names.set(hash, name);
  }
});

test('the hash of a recipe survives JSON', () => {
  const { recipe, hash } = compileRecipe(inputs());
  assert.equal(recipeHash(JSON.parse(JSON.stringify(recipe))), hash);
});

test('every epoch meets every training sequence once, in another order', () => {
  const { recipe } = compileRecipe(inputs({ job: aJob({ training: { maxSteps: undefined, epochs: 2 } }).spec }));
  assert.equal(recipe.training.steps, 6);
  const met = recipe.batches.map((step) => step.flatMap(({ sequences }) => sequences.filter((index) => index >= 0)));
  assert.deepEqual(
    met.map((step) => step.length),
    [4, 4, 2, 4, 4, 2],
  );
  const epochs = [met.slice(0, 3).flat(), met.slice(3).flat()];
  for (const epoch of epochs)
    assert.deepEqual(
      [...epoch].sort((a, b) => a - b),
      [...Array(10).keys()],
    );
  assert.notDeepEqual(epochs[0], epochs[1]);
});

test('evaluation runs before, at fixed steps and after, over the held-out and the general sequences alone', () => {
  const { evaluation } = compileRecipe(
    inputs({ job: aJob({ training: { maxSteps: 7, evaluation: { everySteps: 3 } } }).spec }),
  ).recipe;
  assert.deepEqual(evaluation.steps, [0, 3, 6, 7]);
  assert.deepEqual(evaluation.leaves.flatMap(({ sequences }) => sequences).sort(), [10, 11]);
  assert.deepEqual(
    evaluation.general.flatMap(({ sequences }) => sequences),
    [12],
  );
});

test('sequences without a token to learn are never trained on', () => {
  const train = [aSequence(20), aSequence(20, { supervised: 0 }), aSequence(21)];
  const { recipe } = compileRecipe(inputs({ dataset: { train, evaluation: [] } }));
  const met = new Set(recipe.batches.flat().flatMap(({ sequences }) => sequences));
  assert.deepEqual([...met].sort(), [0, 2]);
  assert.ok(recipe.batches.flat().every(({ supervised }) => supervised > 0));
});

test('shards are cut from the layout alone and cover the vector', () => {
  const { recipe } = compileRecipe(inputs({ base: { sha256: 'b', spec: aSpec({ intermediateSize: 40_000 }) } }));
  assert.ok(recipe.shards.length > 1);
  assert.deepEqual(
    recipe.shards.flatMap(([start]) => start),
    [0, ...recipe.shards.slice(0, -1).map(([, end]) => end)],
  );
  assert.equal(recipe.shards.at(-1)![1], recipe.layout.length);
  assert.ok(recipe.shards.flat().every((bound) => bound % 16 === 0));
});

const named = (name: string) => (error: unknown) => error instanceof EspalierError && error.name === name;

test('a job that has nothing to learn, foreign tokens or buckets that are too short is refused', () => {
  const nothing = [aSequence(20, { supervised: 0 })];
  assert.throws(() => hashOf({ dataset: { train: nothing, evaluation: [] } }), named('NothingSupervised'));
  assert.throws(() => hashOf({ base: { sha256: 'b', spec: aSpec({ vocabSize: 16 }) } }), named('TokensForeign'));
  const job = aJob({ data: { maxTokens: 16, buckets: [16] } }).spec;
  assert.throws(() => jobHash(job), named('BucketsTooShort'));
});

test('few steps, idle workers and positions beyond those of the base are pointed out', () => {
  const { recipe } = compileRecipe(inputs({ base: { sha256: 'b', spec: aSpec({ maxPositions: 16 }) } }));
  assert.deepEqual(
    inspectRecipe(recipe, { workers: 5 }).map(({ name }) => name),
    ['StepsFew', 'WorkersIdle', 'PositionsExceeded'],
  );
  const enough = compileRecipe(inputs({ job: aJob({ training: { maxSteps: 30 } }).spec })).recipe;
  assert.deepEqual(inspectRecipe(enough, { workers: 4 }), []);
});
