import { z } from 'zod';
import { count, seconds } from '../fields.js';

const text = (most: number, what: string) => z.string().max(most).describe(what).optional();
const time = (what: string) => z.string().max(32).meta({ description: what, format: 'date-time' });
const amount = (what: string) => z.int().min(0).max(Number.MAX_SAFE_INTEGER).describe(what);

const condition = z
  .strictObject({
    type: z
      .string()
      .min(1)
      .max(63)
      .describe('Ready, Reconciling, Stalled, Suspended, Complete, Failed, or Finished (Complete or Failed).'),
    status: z.enum(['True', 'False', 'Unknown']).describe('Whether it holds.'),
    observedGeneration: amount('Generation of the resource it was found for.').optional(),
    lastTransitionTime: time('When `status` changed last.'),
    reason: z.string().min(1).max(128).describe('One word for programs: the name of an error or of a wait.'),
    message: z.string().max(1024).describe('One sentence for people.'),
  })
  .describe('One finding, as kstatus reads it.');

const progress = z
  .strictObject({
    step: amount('Committed optimizer steps.').optional(),
    steps: amount('Optimizer steps in all.').optional(),
    loss: z.number().describe('Mean loss per supervised token of the last step.').optional(),
    evalLoss: z.number().describe('Loss of the held-out rows when last evaluated.').optional(),
    tokensPerSecond: z.number().min(0).describe('Trained tokens per second over all workers.').optional(),
    etaSeconds: seconds('Expected rest of the training.').optional(),
    time: time('When these numbers were taken.').optional(),
  })
  .describe('Where training stands. Live numbers go by gRPC; this is written every 30 s at most.');

const workers = z
  .strictObject({
    replicas: count('Worker pods that exist.', { min: 0, max: 100_000 }).optional(),
    ready: count('Workers in the current view.', { min: 0, max: 100_000 }).optional(),
    selector: text(512, 'Label selector of the worker pods, for `kubectl scale` and autoscalers.'),
    view: amount('Number of the current membership view.').optional(),
    deaths: amount('Worker deaths since the last committed step.').optional(),
    drift: text(
      256,
      'Parts of the pod template that somebody else has changed, for instance a queue; left as they are.',
    ),
  })
  .describe('The workers.');

const dropped = z
  .strictObject({
    reason: z.string().max(160).describe('Why.'),
    rows: amount('How many rows.'),
    example: text(160, 'The first of them, as `file:line`.'),
  })
  .describe('Rows that were left out for one reason.');

/** What the preflight found in the data; the whole report lies with the recipe. No row of the data is in it. */
export const statusData = z
  .strictObject({
    rows: amount('Rows of the training sources.'),
    used: amount('Of them trained on.'),
    sequences: amount('Packed sequences.'),
    tokens: amount('Tokens in them.'),
    supervisedTokens: amount('Of them learned.'),
    truncatedRows: amount('Rows longer than maxTokens, which were cut.'),
    truncatedPercent: z.number().min(0).max(100).describe('Their share of the used rows.'),
    evaluationRows: amount('Held-out rows.'),
    duplicates: amount('Training rows equal to an earlier one.'),
    contaminated: amount('Held-out rows that are also training rows.'),
    dropped: z.array(dropped).max(8).describe('Rows that were left out, the most frequent reasons.'),
  })
  .describe('The data report in short.');

/** What the preflight resolved. */
export const statusResolved = z
  .strictObject({
    baseSha256: text(64, 'Identity of the base.'),
    baseRevision: text(128, 'Commit or file hash that the base was resolved to.'),
    storedAs: text(32, 'How its weights were stored before they became float32.'),
    parameters: amount('Parameters of the base.').optional(),
    trainableParameters: amount('Parameters of the adapter.').optional(),
    steps: amount('Optimizer steps in all.').optional(),
    stepsPerEpoch: amount('Of them one pass over the data.').optional(),
    trainedTokens: amount('Tokens that all steps together train on.').optional(),
    settings: z
      .array(z.string().max(128).describe('One of them.'))
      .max(64)
      .describe('Hyperparameters as `name=value`; those that the job did not set end in ` (default)`.')
      .optional(),
  })
  .describe('What the job was resolved to; fixed for its life.');

const numerics = z
  .strictObject({
    fingerprint: z.string().max(64).describe('Hash of gradients of this very job, as these machines compute them.'),
    machine: z.string().max(256).describe('What they are: architecture and processor.'),
  })
  .describe('The class of machines that began; others would give other bits and are refused.');

const cost = z
  .strictObject({
    workerSeconds: amount('Running time of all worker pods together.').optional(),
    estimatedWorkerSeconds: amount('The same for the whole training, as estimated after its first steps.').optional(),
    estimatedAtStep: amount('After how many steps.').optional(),
    time: time('Up to when it is counted.').optional(),
    total: text(48, 'So far, such as `0.42 GPU-h` or `1.30 CPU-h`.'),
    estimate: text(48, 'The estimate in the same unit.'),
  })
  .describe('What the training took so far, beside the estimate.');

/** What `kubectl get` prints: text that the controller has written, because printer columns cannot format. */
const summary = z
  .strictObject({
    progress: text(32, 'Such as `12/100`.'),
    loss: text(16, 'Last training loss.'),
    eval: text(16, 'Last evaluation loss.'),
    eta: text(16, 'Rest, such as `1h5m`.'),
    workers: text(32, 'Such as `2/3`.'),
    model: text(128, 'Base.'),
    method: text(64, 'Such as `lora r16`.'),
    queue: text(64, 'Kueue queue and place.'),
    restarts: text(16, 'Worker deaths in all.'),
    tokensPerSecond: text(16, 'Speed.'),
    best: text(32, 'Best evaluation loss and its step.'),
    cost: text(32, 'Cost so far.'),
    reason: text(128, 'Why it waits or failed.'),
  })
  .describe('The columns of `kubectl get`.');

export const status = z
  .strictObject({
    state: z
      .enum(['Pending', 'Preflight', 'Training', 'Paused', 'Suspended', 'Stopping', 'Complete', 'Failed', 'Stalled'])
      .describe('The conditions in one word.')
      .optional(),
    observedGeneration: amount('Generation that this status describes.').optional(),
    conditions: z
      .array(condition)
      .max(16)
      .meta({ description: 'Findings by type.', listMapKeys: ['type'] })
      .optional(),
    recipeHash: text(64, 'SHA-256 of the recipe: the identity of the training.'),
    adapterSha256: text(64, 'SHA-256 of the published adapter_model.safetensors.'),
    artifact: text(2048, 'Where the adapter was published.'),
    numerics: numerics.optional(),
    attempt: amount('How often the worker Job was made again.').optional(),
    runningSeconds: amount('Running time, counted against `activeDeadlineSeconds`.').optional(),
    runningSince: time('When the present span of running time began.').optional(),
    startTime: time('When it was first seen.').optional(),
    completionTime: time('When it finished.').optional(),
    about: z
      .array(z.string().max(512).describe('A line.'))
      .max(32)
      .describe('What `kubectl describe` shows first: state and what to do, progress, workers, data, settings, cost.')
      .optional(),
    data: statusData.optional(),
    resolved: statusResolved.optional(),
    cost: cost.optional(),
    lastCheckpoint: z
      .strictObject({ step: amount('Its step.'), time: time('When it was complete.') })
      .describe('The newest complete checkpoint.')
      .optional(),
    progress: progress.optional(),
    workers: workers.optional(),
    summary: summary.optional(),
  })
  .describe('What the controller found.');

export type StatusData = z.output<typeof statusData>;
export type StatusResolved = z.output<typeof statusResolved>;
export type FineTuneJobStatus = z.output<typeof status>;
