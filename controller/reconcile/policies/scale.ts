import { queueOf } from '../../resources/scheduling.js';
import type { Policy } from '../decide.js';
import { currentAttempt, validJob } from '../world.js';

/** Another number of workers is wanted than the Job has. A queue that changed it on purpose is left alone while it holds it. */
export const scale: Policy = (world) => {
  const wanted = validJob(world)?.spec.workers.replicas;
  const job = currentAttempt(world);
  const has = job?.spec?.parallelism;
  if (wanted === undefined || has === undefined || has === wanted) return undefined;
  if (job?.spec?.suspend && queueOf(validJob(world)!) !== undefined) return undefined;
  return { kind: 'scale', from: has, to: wanted };
};
