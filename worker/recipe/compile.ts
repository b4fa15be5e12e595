import { fail } from '../../api/errors.js';
import type { FineTuneJobSpec } from '../../api/fineTuneJob.js';
import { canonicalJson, sha256 } from '../../common/hash.js';
import { resolveMethod } from '../adapter/index.js';
import { adapterLayout } from '../adapter/layout.js';
import { sitesOf } from '../adapter/sites.js';
import type { Sequence } from '../data/sequence.js';
import type { Base } from '../model/base.js';
import type { ModelSpec } from '../model/spec.js';
import { learningRates } from '../train/schedule.js';
import { type BatchOptions, leavesOf, type SequenceFacts, stepsPerEpoch, trainingBatches } from './batches.js';
import { bucketOf, chooseBuckets } from './buckets.js';
import type { Recipe } from './recipe.js';
import { cutShards } from './shards.js';
import { encodeTokens, supervisedIn } from './tokens.js';

/** Raised whenever the same recipe would give other bits. */
export const numericsVersion = 2;

export interface RecipeInputs {
  readonly job: FineTuneJobSpec;
  readonly base: Pick<Base, 'sha256' | 'spec'>;
  readonly dataset: { readonly train: readonly Sequence[]; readonly evaluation: readonly Sequence[] };
  /** Sequences of a text that has nothing to do with the job; their loss shows what was forgotten. */
  readonly general: readonly Sequence[];
}

export interface CompiledRecipe {
  readonly recipe: Recipe;
  /** tokens.bin */
  readonly tokens: Uint8Array;
  readonly hash: string;
}

/** The identity of a training: SHA-256 of the recipe's RFC 8785 JSON. */
export const recipeHash = (recipe: Recipe): string => sha256(canonicalJson(recipe));

/** Compiles a job, its base and its tokenised data into the one description that workers execute (design 3.1). */
export function compileRecipe({ job, base, dataset, general }: RecipeInputs): CompiledRecipe {
  const { training } = job;
  const sequences = [...dataset.train, ...dataset.evaluation, ...general];
  const tokens = encodeTokens(sequences);
  const facts = sequences.map((sequence, index) => factsOf(sequence, index, base.spec));
  const train = facts.slice(0, dataset.train.length).filter(({ supervised }) => supervised > 0);
  if (train.length === 0) fail('NothingSupervised', { sequences: dataset.train.length });
  const held = facts.slice(dataset.train.length).filter(({ supervised }) => supervised > 0);
  const evaluation = held.filter(({ index }) => index < dataset.train.length + dataset.evaluation.length);
  const generalText = held.filter(({ index }) => index >= dataset.train.length + dataset.evaluation.length);

  const batch = batchOptions(job, [...train, ...held]);
  const perStep = training.batch.sequences;
  const steps = training.maxSteps ?? (training.epochs ?? 1) * stepsPerEpoch(train.length, perStep);
  const batches = trainingBatches(train, { ...batch, perStep, steps, seed: training.seed });
  const sites = sitesOf(base.spec);
  const method = resolveMethod(job.method, sites, training.seed);
  const layout = adapterLayout(method, sites);

  const recipe: Recipe = {
    recipeVersion: 1,
    numericsVersion,
    base: { sha256: base.sha256, spec: base.spec },
    tokens: {
      sha256: sha256(tokens),
      train: dataset.train.length,
      evaluation: dataset.evaluation.length,
      general: general.length,
    },
    method,
    layout,
    shards: cutShards(layout),
    training: {
      seed: training.seed,
      steps,
      learningRates: learningRates(training.learningRate, scheduleOf(training.schedule, steps), steps),
      optimizer: training.optimizer,
      maxGradNorm: training.maxGradNorm,
    },
    engine: { attentionBlock, headChunk, device: job.workers.device, precision: job.base.precision },
    shapes: batch.buckets.map((bucket) => ({ rows: batch.rows, tokens: bucket })),
    batches,
    evaluation: {
      steps: held.length === 0 ? [] : evaluationSteps(steps, training.evaluation.everySteps),
      leaves: leavesOf(evaluation, batch),
      general: leavesOf(generalText, batch),
    },
  };
  return { recipe, tokens, hash: recipeHash(recipe) };
}

/** Queries per block of causal attention: 64 was fastest on every machine measured (design 2). */
const attentionBlock = 64;
/** Supervised rows per chunk of the head: large enough to read the head's weights seldom, small enough to pad little. */
const headChunk = 64;

function factsOf(sequence: Sequence, index: number, { vocabSize }: ModelSpec): SequenceFacts {
  const foreign = sequence.ids.find((id) => id < 0 || id >= vocabSize) ?? sequence.labels.find((id) => id >= vocabSize);
  if (foreign !== undefined) fail('TokensForeign', { token: foreign, vocabSize });
  return { index, length: sequence.ids.length, supervised: supervisedIn(sequence) };
}

function batchOptions({ data, training }: FineTuneJobSpec, used: readonly SequenceFacts[]): BatchOptions {
  const { sequences, microBatch } = training.batch;
  const lengths = used.map(({ length }) => length);
  const buckets = data.buckets ? [...new Set(data.buckets)].sort((a, b) => a - b) : chooseBuckets(lengths);
  const tooLong = lengths.find((length) => bucketOf(length, buckets) < 0);
  if (tooLong !== undefined) fail('BucketsTooShort', { tokens: tooLong, longest: buckets.at(-1)! });
  // A bucket that nothing fills would be a session for nothing.
  const filled = buckets.filter((_, index) => lengths.some((length) => bucketOf(length, buckets) === index));
  return { buckets: filled, rows: Math.min(microBatch, sequences) };
}

function scheduleOf(
  { type, warmupSteps, warmupFraction }: FineTuneJobSpec['training']['schedule'],
  steps: number,
): { type: typeof type; warmupSteps: number } {
  return { type, warmupSteps: warmupSteps ?? Math.ceil(steps * (warmupFraction ?? 0)) };
}

/** Before the first step, after every `every`-th, and after the last. */
function evaluationSteps(steps: number, every: number | undefined): readonly number[] {
  const between =
    every === undefined ? [] : Array.from({ length: Math.ceil(steps / every) - 1 }, (_, i) => (i + 1) * every);
  return [0, ...between, steps];
}
