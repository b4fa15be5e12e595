import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';
import type { CliEvent } from '../events.js';

/** Steps whose mean time predicts the rest. */
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
      const meanMs = recentMs.reduce((sum, ms) => sum + ms, 0) / recentMs.length;
      return {
        event: 'progress',
        step: step.step + 1,
        steps,
        loss: Number.isFinite(step.loss) ? step.loss : null,
        tokensPerSecond: step.tokensPerSecond,
        etaSeconds: (meanMs * (steps - step.step - 1)) / 1000,
        rssBytes,
        workers: step.members || workers,
      };
    },
  };
}
