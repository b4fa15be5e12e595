import type { Recipe, RecipeLeaf } from '../recipe/recipe.js';

/**
 * What a step sums over: its micro-batches, and at the recipe's evaluation steps one pass over the held-out sets besides.
 * Those leaves have no gradient, only a loss in a slot of their own, so evaluation is shared among workers, survives
 * faults and is summed exactly by the same tree, with no protocol of its own. After the last optimizer step there is one
 * step of evaluation alone.
 */
export interface StepLeaf {
  readonly kind: 'training' | 'evaluation' | 'general';
  readonly leaf: RecipeLeaf;
}

/** Where each kind's loss sum lies, from `lossSlot` on. */
export const slotOf: Readonly<Record<StepLeaf['kind'], number>> = { training: 0, evaluation: 1, general: 2 };

/** All leaves of a step in order; their places are their indices. */
export function leavesAt({ batches, evaluation }: Recipe, step: number): readonly StepLeaf[] {
  const of = (kind: StepLeaf['kind'], leaves: readonly RecipeLeaf[]) => leaves.map((leaf) => ({ kind, leaf }));
  const training = of('training', batches[step] ?? []);
  if (!evaluation.steps.includes(step)) return training;
  return [...training, ...of('evaluation', evaluation.leaves), ...of('general', evaluation.general)];
}

/** Steps that the exchange commits: the optimizer's, and the evaluation after the last of them. */
export const exchangedSteps = ({ training, evaluation }: Recipe): number =>
  training.steps + (evaluation.steps.includes(training.steps) ? 1 : 0);

/** Supervised tokens of one kind in one pass. */
export const supervisedIn = (leaves: readonly RecipeLeaf[]): number =>
  leaves.reduce((sum, { supervised }) => sum + supervised, 0);
