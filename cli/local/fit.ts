import { quantityBytes } from '../../api/fields.js';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import { availableMemory } from '../../worker/engine/memory.js';
import type { StrategyName } from '../../worker/engine/strategy/strategy.js';
import type { Prepared } from '../../worker/preflight/prepare.js';
import { engineSetup } from '../../worker/recipe/engineSetup.js';
import type { CliEvent } from '../events.js';
import { availableCpus } from './cpus.js';
import { planMemory } from './memoryPlan.js';

/** How the workers of one job share this machine. */
export interface Fit {
  readonly workers: number;
  /** Per worker. */
  readonly engines: number;
  readonly strategy: StrategyName;
  /** Of all workers together, weights counted once. */
  readonly needBytes: number;
  readonly sharedBytes: number;
  readonly availableBytes: number;
}

export interface Machine {
  readonly cpus: number;
  readonly availableBytes: number;
}

export const thisMachine = (): Machine => ({ cpus: availableCpus(), availableBytes: availableMemory() });

/** The fastest strategy with which all workers fit together, or `MemoryInsufficient` naming the setting that helps. */
export function fitJob(job: FineTuneJob, { base, compiled }: Prepared, machine: Machine): Fit {
  const { replicas: workers, memoryBudget } = job.spec.workers;
  const { cpus, availableBytes } = machine;
  const engines = job.spec.workers.engines ?? Math.max(1, Math.floor(cpus / workers));
  const budgetBytes = memoryBudget === undefined ? Number.POSITIVE_INFINITY : quantityBytes(memoryBudget);
  const setup = engineSetup(compiled.recipe, base, 'whole');
  const plan = planMemory(setup, compiled.recipe.shapes, { workers, engines, availableBytes, budgetBytes });
  return { workers, engines, availableBytes, ...plan };
}

/** The same for the user. */
export function fitReport({ workers, engines, strategy, needBytes, sharedBytes, availableBytes }: Fit): CliEvent {
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  return {
    event: 'report',
    title: 'memory',
    lines: [
      `${counted(workers, 'worker')} with ${counted(engines, 'engine')} each: ${gib(needBytes)} needed, ${gib(availableBytes)} available`,
      `${gib(sharedBytes)} of it are weights, which all workers share`,
      ...(strategy === 'layered' ? ['engines go layer by layer, slower, because the whole model would not fit'] : []),
    ],
    data: { needBytes, availableBytes, sharedBytes, engines, workers, strategy },
  };
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
