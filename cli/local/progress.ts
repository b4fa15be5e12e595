import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';
import type { CliEvent } from '../events.js';

/** Steps whose median time predicts the rest: the first and some others evaluate as well. */
const recentSteps = 8;

/** Turns what workers tell into progress. Every worker tells every step; the first to tell one counts. */
export function createProgress(workers: number, steps: number) {
  let lastStep = -1;
  let rssBytes = 0;
  let publishing = false;
  const recentMs: number[] = [];
  return {
    memory(bytes: number): void {
      rssBytes = bytes;
    },
    take({ step, phase }: WorkerEvent): CliEvent | undefined {
      if (phase?.phase === 'publishing' && !publishing) {
        publishing = true;
        return { event: 'phase', phase: 'publish', state: 'started' };
      }
      if (!step || step.step <= lastStep) return undefined;
      lastStep = step.step;
      recentMs.push(step.stepMs);
      if (recentMs.length > recentSteps) recentMs.shift();
      const median = recentMs.toSorted((a, b) => a - b)[Math.floor((recentMs.length - 1) / 2)]!;
      // The first step opens sessions and evaluates the base: alone it predicts nothing.
      const usualMs = recentMs.length > 1 ? median : undefined;
      return {
        event: 'progress',
        step: step.step + 1,
        steps,
        loss: Number.isFinite(step.loss) ? step.loss : null,
        tokensPerSecond: step.tokensPerSecond,
        etaSeconds: usualMs === undefined ? null : (usualMs * (steps - step.step - 1)) / 1000,
        rssBytes,
        workers: step.members || workers,
      };
    },
  };
}
