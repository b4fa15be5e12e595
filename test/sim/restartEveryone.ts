import { failuresOf, type Scenario } from './scenario.js';

export interface Restarted {
  readonly seconds: number;
  /** Null where failures come faster than a step can be made. */
  readonly goodput: number | null;
  readonly failures: number;
  /** From a failure until training goes on: the replacement's start. */
  readonly recoverySeconds: number;
}

const mostMs = 7 * 24 * 3_600_000;

/**
 * The usual way on the same failures: whoever fails stops all; when its replacement is there everybody starts again from the
 * last checkpoint. Noticing, writing a checkpoint after every step and loading it cost nothing here, in its favour; nor does
 * it lose time in its exchange that we do not: its step takes as long as ours without failures.
 */
export function restartEveryone(scenario: Scenario, stepMs: number): Restarted {
  const { steps, leavesPerWorker, leafMs, replaceMs, checkpointEverySteps } = scenario;
  const failures = failuresOf(scenario);
  let next = failures.next().value;
  let [nowMs, step, met] = [0, 0, 0];
  while (step < steps && nowMs < mostMs) {
    if (next.atMs >= nowMs + stepMs) {
      nowMs += stepMs;
      step++;
      continue;
    }
    nowMs = Math.max(nowMs, next.atMs + replaceMs);
    step -= step % checkpointEverySteps;
    met++;
    next = failures.next().value;
  }
  return {
    seconds: nowMs / 1000,
    goodput: step < steps ? null : (steps * leavesPerWorker * leafMs) / nowMs,
    failures: met,
    recoverySeconds: replaceMs / 1000,
  };
}
