import { fail } from '../../api/errors.js';
import type { MicroBatchShape } from '../../worker/engine/engine.js';
import { type MemoryNeed, memoryNeed } from '../../worker/engine/memory.js';
import type { EngineSetup, StrategyName } from '../../worker/engine/strategy/strategy.js';

export interface MemoryPlan {
  readonly strategy: StrategyName;
  /** Of all workers together; the weights they share count once. */
  readonly needBytes: number;
  readonly sharedBytes: number;
}

export interface Machine {
  readonly workers: number;
  readonly engines: number;
  /** For all workers together. */
  readonly availableBytes: number;
  /** What one worker may use by `spec.workers.memoryBudget`. */
  readonly budgetBytes: number;
}

/** The fastest strategy with which all workers fit on this machine. Throws `MemoryInsufficient` naming what to lower. */
export function planMemory(
  setup: Omit<EngineSetup, 'strategy'>,
  shapes: readonly MicroBatchShape[],
  { workers, engines, availableBytes, budgetBytes }: Machine,
): MemoryPlan {
  const plans = (['whole', 'layered'] as const).map((strategy) => {
    const need = memoryNeed({ ...setup, strategy }, shapes, engines);
    return { strategy, need, needBytes: together(need, workers), sharedBytes: need.sharedBytes };
  });
  const fitting = plans.find(({ need, needBytes }) => need.totalBytes <= budgetBytes && needBytes <= availableBytes);
  if (fitting) return fitting;
  const smallest = plans.at(-1)!;
  const one = smallest.need.totalBytes;
  if (one > budgetBytes)
    fail('MemoryInsufficient', { needBytes: one, availableBytes: budgetBytes, setting: inside(shapes, engines) });
  const setting = workers > 1 ? 'spec.workers.replicas (--workers)' : inside(shapes, engines);
  return fail('MemoryInsufficient', { needBytes: smallest.needBytes, availableBytes, setting });
}

const together = ({ sharedBytes, totalBytes }: MemoryNeed, workers: number): number =>
  sharedBytes + workers * (totalBytes - sharedBytes);

/** What makes one worker smaller. */
function inside(shapes: readonly MicroBatchShape[], engines: number): string {
  if (engines > 1) return 'spec.workers.engines';
  return shapes.some(({ rows }) => rows > 1) ? 'spec.training.batch.microBatch' : 'spec.data.maxTokens';
}
