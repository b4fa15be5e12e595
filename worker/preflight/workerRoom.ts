import { quantityBytes } from '../../api/fields.js';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import { chooseStrategy } from '../engine/memory.js';
import { engineSetup } from '../recipe/engineSetup.js';
import type { Prepared } from './prepare.js';

/** What one worker of the job will have. */
export interface WorkerRoom {
  readonly engines: number;
  /** Undefined: no limit is known before it runs; the worker looks at its own machine. */
  readonly memoryBytes: number | undefined;
}

/** By the job, and by the limits of worker pods as the controller tells them (empty = none). */
export function workerRoom({ spec }: FineTuneJob, env: Readonly<Record<string, string | undefined>>): WorkerRoom {
  const { engines, memoryBudget } = spec.workers;
  const limits = [memoryBudget, env.ESPALIER_WORKER_MEMORY].filter((text) => text !== undefined && text !== '');
  return {
    engines: engines ?? Math.max(1, Math.floor(Number(env.ESPALIER_WORKER_CPUS || 1))),
    memoryBytes: limits.length === 0 ? undefined : Math.min(...limits.map((text) => quantityBytes(text!))),
  };
}

/**
 * Throws `MemoryInsufficient` where a worker could not open its engines, before one is started. Of a GPU's memory nothing
 * is known here: its worker finds out when it opens its session.
 */
export function checkWorkerRoom(job: FineTuneJob, { base, compiled }: Prepared, room: WorkerRoom): void {
  if (room.memoryBytes === undefined || job.spec.workers.device !== 'cpu') return;
  const { recipe } = compiled;
  chooseStrategy(engineSetup(recipe, base, 'whole'), recipe.shapes, {
    engines: room.engines,
    availableBytes: room.memoryBytes,
  });
}
