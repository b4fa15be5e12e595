import { EspalierError } from '../../../api/errors.js';
import { triesOf } from '../../resources/preflightPod.js';
import type { Decision, Policy } from '../decide.js';
import { describeEnd, type Ended, endOf, isTerminating } from '../world.js';

/** Tries of a preflight that finds something outside out of order, or ends without a verdict. */
const mostTries = 5;
const firstPauseMs = 10_000;

/** No worker, and no GPU, before the recipe is compiled and stored. */
export const preflight: Policy = ({ recipe, settings, preflights, status, nowMs }) => {
  if (recipe || settings.preflight === 'off') return undefined;
  const last = preflights.filter((pod) => !isTerminating(pod)).at(-1);
  if (!last)
    return { kind: 'prepare', tries: preflights.length === 0 ? 0 : triesOf(preflights.at(-1)!) + 1, afterMs: 0 };
  const tries = triesOf(last);
  const end = endOf(last);
  if (!end) return { kind: 'prepare', tries, afterMs: 0 };
  const { verdict } = end;
  // The recipe's ConfigMap follows from this pod's words (changes.ts).
  if (verdict?.outcome === 'ready') {
    const [before, now] = [status.recipeHash, verdict.recipe.recipeHash];
    return before === undefined || before === now ? { kind: 'prepare', tries, afterMs: 0 } : changed(before, now);
  }
  if (verdict?.outcome === 'failed' && (!verdict.retry || tries + 1 >= mostTries))
    return { kind: 'fail', reason: verdict.name, message: `${verdict.message}; ${verdict.remedy}` };
  if (tries + 1 >= mostTries) return crashed(end, tries + 1);
  const pauseMs = firstPauseMs * 2 ** tries;
  return { kind: 'prepare', tries: tries + 1, afterMs: Math.max(0, end.finishedAtMs + pauseMs - nowMs) };
};

function crashed(end: Ended, tries: number): Decision {
  const error = new EspalierError('PreflightCrashed', { pod: end.name, how: describeEnd(end), tries });
  return { kind: 'fail', reason: error.name, message: `${error.message}; ${error.remedy}` };
}

function changed(before: string, now: string): Decision {
  const error = new EspalierError('RecipeChanged', { before: before.slice(0, 12), now: now.slice(0, 12) });
  return { kind: 'fail', reason: error.name, message: `${error.message}; ${error.remedy}` };
}
