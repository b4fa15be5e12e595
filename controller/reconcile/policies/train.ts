import { attemptOf } from '../../resources/workerJob.js';
import type { Policy } from '../decide.js';
import { currentAttempt } from '../world.js';

/** Nothing is in the way. */
export const train: Policy = (world) => {
  const job = currentAttempt(world);
  return { kind: 'train', attempt: job ? attemptOf(job) : 0 };
};
