import { setImmediate } from 'node:timers/promises';
import { fail } from '../../api/errors.js';
import type { Sequence } from '../data/sequence.js';
import type { Engine } from '../engine/engine.js';
import type { RecipeFacts, Trainee } from '../exchange/trainee.js';
import { microBatch } from '../recipe/microBatch.js';
import type { Recipe } from '../recipe/recipe.js';
import { createAdapters } from './adapters.js';
import { createEnginePool } from './engines.js';
import { exchangedSteps, leavesAt, slotOf } from './leaves.js';
import { applyEvaluation, applyStep, restore, type StepOutcome, snapshot, type TrainState } from './state.js';

export interface TraineeOptions {
  readonly recipe: Recipe;
  /** The decoded tokens.bin. */
  readonly tokens: readonly Sequence[];
  readonly engines: readonly Engine[];
  /** Owned by the trainee from now on. */
  readonly state: TrainState;
  /** Awaited before a leaf is computed: is it still wanted? */
  readonly beforeLeaf?: () => Promise<void>;
  /** Awaited before a step changes the state: a checkpoint of it may still be being written. */
  readonly beforeApply?: () => Promise<void>;
  /** After each step, with the state not yet changed by the next one: the place to take a checkpoint. */
  readonly onApplied?: (step: number, outcome: StepOutcome) => void;
}

/** A trainee with what the run around it asks for. */
export interface LocalTrainee extends Trainee {
  readonly state: TrainState;
}

/** Engines, recipe and optimizer state of one worker: everything the exchange drives, with no process around it. */
export function createTrainee({
  recipe,
  tokens,
  engines,
  state,
  beforeLeaf,
  beforeApply,
  onApplied,
}: TraineeOptions): LocalTrainee {
  const pool = createEnginePool(engines);
  // Engines get a copy that no optimizer step writes to: a leaf that nobody waits for any more may still run meanwhile.
  const adapters = createAdapters(state.master);
  // While a step is applied, shard by shard, the state belongs to no step.
  let applying = false;
  const demand = (step: number): void => {
    const { step: present } = state.scalars;
    if (applying || present !== step) fail('StepPassed', { step, present });
  };

  return {
    state,
    get nextStep() {
      return state.scalars.step;
    },
    parallel: pool.size,

    async computeLeaf(step, leaf, signal, into) {
      await beforeLeaf?.();
      signal.throwIfAborted();
      demand(step);
      using adapter = adapters.at(step);
      const { kind, leaf: wanted } = leavesAt(recipe, step)[leaf]!;
      return await pool.run(signal, async (engine) => {
        demand(step);
        const batch = microBatch(recipe, tokens, wanted, step);
        if (kind === 'training') return engine.leaf(batch, adapter.values, into);
        const vector = into?.fill(0) ?? new Float32Array(recipe.layout.length);
        vector[recipe.layout.lossSlot + slotOf[kind]] = await engine.loss(batch, adapter.values);
        return vector;
      });
    },

    async apply(step, reduced) {
      demand(step);
      await beforeApply?.();
      applying = true;
      try {
        if (step >= recipe.training.steps) return applyEvaluation(state, recipe, reduced);
        const outcome = await applyStep(state, recipe, reduced, setImmediate);
        onApplied?.(step, outcome);
      } finally {
        applying = false;
      }
    },

    snapshot: () => snapshot(state),
    restore(bytes) {
      restore(state, bytes);
      adapters.renew();
    },
  };
}

/** What the exchange must know of a recipe. */
export const recipeFacts = (recipe: Recipe, hash: string): RecipeFacts => ({
  hash,
  numericsVersion: recipe.numericsVersion,
  steps: exchangedSteps(recipe),
  leavesOf: (step) =>
    leavesAt(recipe, step)
      .map(({ leaf: { shape, supervised } }, index) => {
        const { rows, tokens } = recipe.shapes[shape]!;
        return { index, supervised, cost: rows * tokens };
      })
      .filter(({ supervised }) => supervised > 0)
      .map(({ index, cost }) => ({ index, cost })),
  shards: recipe.shards,
  vectorLength: recipe.layout.length,
  lossSlot: recipe.layout.lossSlot,
});
