import { z } from 'zod';
import { count, fraction, positive } from '../fields.js';

const batch = z
  .strictObject({
    sequences: count('Sequences per optimizer step, over all workers.', { max: 65_536 }).default(8),
    microBatch: count('Sequences per forward and backward pass; memory grows with it.', { max: 4096 })
      .meta({ aliases: ['micro_batch_size', 'per_device_train_batch_size'] })
      .default(1),
  })
  .describe('How many sequences a step consumes.');

const schedule = z
  .strictObject({
    type: z
      .enum(['linear', 'cosine', 'constant'])
      .describe(
        'How the learning rate falls after the warm-up: in a line to 0, along a half cosine to 0, or not at all.',
      )
      .default('linear'),
    warmupSteps: count('Steps of linear warm-up.', { min: 0, max: 10_000_000 }).optional(),
    warmupFraction: fraction('Warm-up as a share of all steps, instead of `warmupSteps`.')
      .meta({ aliases: ['warmup_ratio'] })
      .optional(),
  })
  .describe('The learning rate over time. Without `warmupSteps` and `warmupFraction` there is no warm-up.');

const optimizer = z
  .strictObject({
    type: z.enum(['AdamW']).describe('Adam with decoupled weight decay.').default('AdamW'),
    beta1: fraction('Decay of the mean of gradients.').default(0.9),
    beta2: fraction('Decay of the mean of squared gradients.').default(0.999),
    epsilon: positive('Added to the root of the second mean, after bias correction.', {
      max: 1,
      example: 1e-8,
    })
      .meta({ aliases: ['eps', 'adam_epsilon'] })
      .default(1e-8),
    weightDecay: z.number().min(0).max(10).describe('Decoupled weight decay.').default(0),
  })
  .describe('The optimizer, by the formulas of torch.optim.AdamW.');

const evaluation = z
  .strictObject({
    everySteps: count('Also evaluate every so many steps.', { max: 10_000_000 })
      .meta({ aliases: ['eval_steps'] })
      .optional(),
  })
  .describe('When held-out rows are evaluated besides before the first and after the last step.');

export const training = z
  .strictObject({
    epochs: count('Passes over the data. Exactly one of `epochs` and `maxSteps`.', { max: 10_000 })
      .meta({ examples: [3] })
      .meta({ aliases: ['num_train_epochs', 'num_epochs'] })
      .optional(),
    maxSteps: count('Optimizer steps in all. Exactly one of `epochs` and `maxSteps`.', { max: 10_000_000 })
      .meta({ examples: [100] })
      .meta({ aliases: ['steps'] })
      .optional(),
    batch: batch.meta({ aliases: ['batch_size'] }).prefault({}),
    learningRate: positive('Highest learning rate.', { max: 10, example: 2e-4 })
      .meta({ aliases: ['lr'] })
      .default(2e-4),
    schedule: schedule.meta({ aliases: ['lr_scheduler_type', 'lrScheduler'] }).prefault({}),
    optimizer: optimizer.prefault({}),
    maxGradNorm: positive('Gradients are scaled down to this norm; 1e9 never clips.', { max: 1e9, example: 1 }).default(
      1,
    ),
    seed: count('Seed of the adapter, the shuffles and dropout.', { min: 0, max: 4_294_967_295 }).default(0),
    evaluation: evaluation.prefault({}),
  })
  .meta({ description: 'How it is learned.', examples: [{ epochs: 3 }] });
