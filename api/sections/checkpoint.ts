import { z } from 'zod';
import { count } from '../fields.js';

export const checkpoint = z
  .strictObject({
    everySteps: count('Steps from checkpoint to checkpoint.', { max: 10_000_000 }).default(20),
    keepLast: count('Complete checkpoints that are kept.', { min: 2, max: 1000 }).default(3),
  })
  .describe('How much work an interruption can cost.');
