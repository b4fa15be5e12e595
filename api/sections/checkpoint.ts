import { z } from 'zod';
import { count } from '../fields.js';

export const checkpoint = z
  .strictObject({
    everySteps: count('Steps from checkpoint to checkpoint.', { max: 10_000_000 })
      .meta({ aliases: ['save_steps'] })
      .default(20),
    keepLast: count('Complete checkpoints that are kept.', { min: 2, max: 1000 })
      .meta({ aliases: ['save_total_limit'] })
      .default(3),
  })
  .describe('How much work an interruption can cost.');
