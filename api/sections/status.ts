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
  })
  .describe('The workers.');

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
    attempt: amount('How often the worker Job was made again.').optional(),
    runningSeconds: amount('Running time, counted against `activeDeadlineSeconds`.').optional(),
    runningSince: time('When the present span of running time began.').optional(),
    startTime: time('When it was first seen.').optional(),
    completionTime: time('When it finished.').optional(),
    lastCheckpoint: z
      .strictObject({ step: amount('Its step.'), time: time('When it was complete.') })
      .describe('The newest complete checkpoint.')
      .optional(),
    progress: progress.optional(),
    workers: workers.optional(),
    summary: summary.optional(),
  })
  .describe('What the controller found.');

export type FineTuneJobStatus = z.output<typeof status>;
