import type { V1Job } from '../../cluster/kube/objects.js';
import { attemptOf } from '../../resources/workerJob.js';
import type { Policy } from '../decide.js';
import {
  activePods,
  blowsSinceStep,
  currentAttempt,
  deathsSinceStep,
  endOf,
  indexOf,
  isTerminating,
  jobCondition,
  type World,
} from '../world.js';

const firstPauseMs = 10_000;
const mostPauseMs = 600_000;

/**
 * The Job only supplies pods. When it cannot any more, the next one follows and resumes from the checkpoint: it failed, it is
 * gone, or every index sits in a back-off that is longer than ours.
 */
export const attempts: Policy = (world) => {
  const job = currentAttempt(world);
  const known = world.status.attempt;
  if (!job) return known === undefined ? { kind: 'train', attempt: 0 } : next(known, 'the worker Job is gone', 0);
  const attempt = attemptOf(job);
  if (job.spec?.managedBy && job.spec.managedBy !== 'kubernetes.io/job-controller')
    return {
      kind: 'stall',
      reason: 'ManagedByOther',
      message: `Job ${job.metadata?.name} is managed by ${job.spec.managedBy}, which Espalier does not support`,
    };
  if (isTerminating(job)) return next(attempt, 'the worker Job is gone', 0);
  const pauseMs = pauseLeftMs(world);
  if (jobCondition(job, 'Failed') || jobCondition(job, 'Complete'))
    return next(attempt, 'the worker Job ended before the training did', pauseMs);
  if (isBackingOff(world, job)) return next(attempt, 'every index of the worker Job is in back-off', pauseMs);
  return undefined;
};

const next = (attempt: number, because: string, afterMs: number) =>
  ({ kind: 'retry', attempt: attempt + 1, because, afterMs }) as const;

/** Our own pause after blows with no step between them: 10 s, doubling. */
function pauseLeftMs(world: World): number {
  const last = deathsSinceStep(world).at(-1);
  if (!last) return 0;
  const pauseMs = Math.min(mostPauseMs, firstPauseMs * 2 ** (blowsSinceStep(world) - 1));
  return Math.max(0, last.finishedAtMs + pauseMs - world.nowMs);
}

/** The Job's pause doubles with every failure ever; ours begins anew with each step. The shorter one counts. */
function isBackingOff(world: World, job: V1Job): boolean {
  if (job.spec?.suspend || activePods(world).length > 0) return false;
  const attempt = attemptOf(job);
  const failed = world.workerPods.filter((pod) => attemptOf(pod) === attempt && endOf(pod)?.exitCode !== 0);
  const wanted = job.spec?.completions ?? 0;
  const perIndex = new Map<number, { count: number; lastMs: number }>();
  for (const pod of failed) {
    const at = endOf(pod)?.finishedAtMs ?? 0;
    const found = perIndex.get(indexOf(pod)) ?? { count: 0, lastMs: 0 };
    perIndex.set(indexOf(pod), { count: found.count + 1, lastMs: Math.max(found.lastMs, at) });
  }
  const inBackOff = [...perIndex].filter(([index]) => index >= 0 && index < wanted);
  if (wanted === 0 || inBackOff.length < wanted) return false;
  const soonestMs = Math.min(
    ...inBackOff.map(([, { count, lastMs }]) => lastMs + Math.min(mostPauseMs, firstPauseMs * 2 ** (count - 1))),
  );
  // A replacement that comes within a few seconds after our own pause is waited for.
  return soonestMs > world.nowMs + pauseLeftMs(world) + firstPauseMs;
}
