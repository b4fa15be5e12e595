import { setImmediate } from 'node:timers/promises';
import { fail } from '../../api/errors.js';
import { buildTree, type Tree } from '../../elastic/tree.js';
import type { Sequence } from '../data/sequence.js';
import type { Engine } from '../engine/engine.js';
import type { RecipeFacts, Trainee } from '../exchange/trainee.js';
import { microBatch } from '../recipe/microBatch.js';
import type { Recipe, RecipeLeaf } from '../recipe/recipe.js';
import { createEnginePool } from './engines.js';
import { applyStep, restore, type StepOutcome, snapshot, type TrainState } from './state.js';

export interface TraineeOptions {
  readonly recipe: Recipe;
  /** The decoded tokens.bin. */
  readonly tokens: readonly Sequence[];
  readonly engines: readonly Engine[];
  /** Owned by the trainee from now on. */
  readonly state: TrainState;
  /** After each step, with the state not yet changed by the next one: the place to take a checkpoint. */
  readonly onApplied?: (step: number, outcome: StepOutcome) => void;
}

export interface LossOverLeaves {
  /** Mean loss per supervised token. */
  readonly loss: number;
  readonly supervised: number;
}

/** A trainee with what the run around it asks for. */
export interface LocalTrainee extends Trainee {
  readonly state: TrainState;
  /** Loss at the present state, summed along the same tree as gradients; undefined without leaves. */
  evaluate(leaves: readonly RecipeLeaf[], signal: AbortSignal): Promise<LossOverLeaves | undefined>;
}

/** Engines, recipe and optimizer state of one worker: everything the exchange drives, with no process around it. */
export function createTrainee({ recipe, tokens, engines, state, onApplied }: TraineeOptions): LocalTrainee {
  const pool = createEnginePool(engines);
  // Engines get a copy that no optimizer step writes to: a leaf that nobody waits for any more may still run meanwhile.
  let published: { readonly step: number; readonly adapter: Float32Array } | undefined;
  // While a step is applied, shard by shard, the state belongs to no step.
  let applying = false;
  const demand = (step: number): void => {
    const { step: present } = state.scalars;
    if (applying || present !== step) fail('StepPassed', { step, present });
  };
  const adapterAt = (step: number): Float32Array => {
    demand(step);
    if (published?.step !== step) {
      // Shared memory goes to the engines' threads without a copy for each leaf.
      const adapter = new Float32Array(new SharedArrayBuffer(state.master.byteLength));
      adapter.set(state.master);
      published = { step, adapter };
    }
    return published.adapter;
  };

  return {
    state,
    get nextStep() {
      return state.scalars.step;
    },
    parallel: pool.size,

    async computeLeaf(step, leaf, signal) {
      const adapter = adapterAt(step);
      return pool.run(signal, (engine) => {
        demand(step);
        return engine.leaf(microBatch(recipe, tokens, recipe.batches[step]![leaf]!, step), adapter);
      });
    },

    async apply(step, reduced) {
      demand(step);
      applying = true;
      try {
        const outcome = await applyStep(state, recipe, reduced, setImmediate);
        onApplied?.(step, outcome);
      } finally {
        applying = false;
      }
    },

    snapshot: () => snapshot(state),
    restore(bytes) {
      restore(state, bytes);
      published = undefined;
    },

    async evaluate(leaves, signal) {
      const present = leaves.map((leaf, index) => ({ leaf, index })).filter(({ leaf }) => leaf.supervised > 0);
      if (present.length === 0) return undefined;
      const { step } = state.scalars;
      const adapter = adapterAt(step);
      const losses = await Promise.all(
        present.map(({ leaf }) =>
          pool.run(signal, (engine) => engine.loss(microBatch(recipe, tokens, leaf, step), adapter)),
        ),
      );
      const byLeaf = new Map(present.map(({ index }, place) => [index, losses[place]!]));
      const tree = buildTree(present.map(({ index }) => index));
      const supervised = present.reduce((sum, { leaf }) => sum + leaf.supervised, 0);
      return { loss: sumAlong(tree, tree.root, byLeaf) / supervised, supervised };
    },
  };
}

function sumAlong(tree: Tree, node: number, values: ReadonlyMap<number, number>): number {
  const { children, from } = tree.nodes.get(node)!;
  if (!children) return values.get(tree.leaves[from]!)!;
  return sumAlong(tree, children[0], values) + sumAlong(tree, children[1], values);
}

/** What the exchange must know of a recipe. */
export const recipeFacts = (recipe: Recipe, hash: string): RecipeFacts => ({
  hash,
  numericsVersion: recipe.numericsVersion,
  steps: recipe.training.steps,
  leavesOf: (step) =>
    recipe.batches[step]!.map(({ shape, supervised }, index) => {
      const { rows, tokens } = recipe.shapes[shape]!;
      return { index, supervised, cost: rows * tokens };
    })
      .filter(({ supervised }) => supervised > 0)
      .map(({ index, cost }) => ({ index, cost })),
  shards: recipe.shards,
  vectorLength: recipe.layout.length,
  lossSlot: recipe.layout.lossSlot,
});
