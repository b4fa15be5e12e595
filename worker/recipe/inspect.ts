import { EspalierError } from '../../api/errors.js';
import type { Recipe } from './recipe.js';

/** Below this, a job is almost surely a mistake in epochs or batch. */
const fewSteps = 30;

/** What a user should know before training starts: coded errors that are reported, not thrown. */
export function inspectRecipe(recipe: Recipe, { workers }: { readonly workers: number }): readonly EspalierError[] {
  const findings: EspalierError[] = [];
  const { steps } = recipe.training;
  if (steps < fewSteps) findings.push(new EspalierError('StepsFew', { steps, fewest: fewSteps }));
  const leaves = recipe.batches.reduce((most, step) => Math.max(most, step.length), 0);
  if (workers > leaves) findings.push(new EspalierError('WorkersIdle', { workers, leaves }));
  const longest = recipe.shapes.reduce((most, { tokens }) => Math.max(most, tokens), 0);
  const { maxPositions } = recipe.base.spec;
  if (longest > maxPositions) findings.push(new EspalierError('PositionsExceeded', { tokens: longest, maxPositions }));
  return findings;
}
