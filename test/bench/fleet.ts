import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { launchWorkers } from '../../cli/local/launch.js';
import { systemClock } from '../../common/clock.js';
import type { StepEvent } from '../../proto/generated/espalier/v1/StepEvent.js';
import type { WorkerConfig } from '../../worker/config.js';
import type { Prepared } from '../../worker/preflight/prepare.js';
import { writePrepared } from '../../worker/recipe/prepared.js';

export interface FleetOptions {
  readonly prepared: Prepared;
  readonly workers: number;
  readonly folder: string;
  readonly cacheFolder: string;
  readonly checkpointEverySteps?: number;
  readonly assignment?: WorkerConfig['assignment'];
  /** Told of every step, once for each worker that commits it; answers whether to go on. */
  readonly onStep: (commit: FleetCommit, fleet: Fleet) => void;
}

export interface FleetCommit extends StepEvent {
  readonly worker: string;
  /** When it was heard of, by performance.now(). */
  readonly atMs: number;
}

export interface Fleet {
  /** Processes that run now, by slot. */
  pids(): Promise<readonly number[]>;
  /** Enough was seen. */
  stop(): void;
}

/** Worker processes with one engine each, started as `espalier run` starts them, until the job ends or `stop` is called. */
export async function runFleet(options: FleetOptions): Promise<void> {
  const { prepared, workers, folder, cacheFolder, checkpointEverySteps = 1_000_000, assignment, onStep } = options;
  const controller = new AbortController();
  const preparedFolder = join(folder, 'prepared');
  await writePrepared(preparedFolder, prepared.compiled, prepared.record);
  const fleet: Fleet = {
    pids: async () => {
      const slots = Array.from({ length: workers }, (_, slot) => join(folder, `worker-${slot}`, 'process'));
      const owners = await Promise.all(slots.map((file) => readFile(file, 'utf8').catch(() => '')));
      return owners.map((owner) => Number(owner.split(':')[1])).filter((pid) => pid > 0);
    },
    stop: () => controller.abort(new DOMException('enough was seen', 'AbortError')),
  };
  await launchWorkers({
    workers,
    config: {
      recipeHash: prepared.compiled.hash,
      preparedFolder,
      baseFolder: prepared.base.directory,
      cacheFolder,
      engines: 1,
      ...(assignment && { assignment }),
      checkpoint: { store: { url: join(folder, 'checkpoints') }, everySteps: checkpointEverySteps, keepLast: 1 },
      output: { store: { url: join(folder, 'published') }, merged: false },
    },
    folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
    clock: systemClock,
    signal: controller.signal,
    onPids: () => {},
    onEvent: (worker, { step }) => {
      if (step) onStep({ ...step, worker, atMs: performance.now() }, fleet);
    },
  }).catch((error: unknown) => {
    if (!controller.signal.aborted) throw error;
  });
}
