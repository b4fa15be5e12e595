import { fail } from '../../api/errors.js';
import { createRules, defaultTiming, type Rules } from '../../elastic/rules.js';
import type { ExchangeOptions } from './exchange.js';

/** What the pure protocol must know of a recipe. Throws `RecipeUnusable`. */
export function rulesOf({ recipe, timing, assignment = 'bySpeed' }: ExchangeOptions): Rules {
  let end = 0;
  for (const [start, stop] of recipe.shards) {
    if (start !== end || stop <= start)
      fail('RecipeUnusable', { what: `a shard [${start}, ${stop}) follows float ${end}` });
    end = stop;
  }
  if (end !== recipe.vectorLength)
    fail('RecipeUnusable', { what: `shards cover ${end} of ${recipe.vectorLength} floats` });
  for (let step = 0; step < recipe.steps; step++)
    if (recipe.leavesOf(step).length === 0) fail('RecipeUnusable', { what: `step ${step} has no supervised token` });
  return createRules({
    steps: recipe.steps,
    shards: recipe.shards.length,
    leavesOf: (step) => recipe.leavesOf(step),
    timing: { ...defaultTiming, ...timing },
    assignment,
  });
}
