import { sha256 } from '../../common/hash.js';
import type { Numerics } from '../exchange/trainee.js';
import type { Recipe } from '../recipe/recipe.js';
import { numericsClass } from '../record.js';
import { leavesAt } from './leaves.js';
import { bytesOf } from './state.js';
import type { LocalTrainee } from './trainee.js';

/**
 * How this machine computes this very job: the gradients of the first leaf of each shape at the initial adapter, hashed.
 * The same kernels run as in training, on the session that trains, so machines with equal fingerprints give equal leaves.
 * Step 0 need not be the present one: the trainee is made of the initial state for this alone.
 */
export async function fingerprint(recipe: Recipe, trainee: LocalTrainee, signal: AbortSignal): Promise<Numerics> {
  const hashes: string[] = [];
  for (const leaf of firstOfEachShape(recipe)) hashes.push(sha256(bytesOf(await trainee.computeLeaf(0, leaf, signal))));
  return { fingerprint: sha256(hashes.join()), machine: numericsClass() };
}

/** Places in step 0 of one training leaf per shape that occurs there; evaluation runs the same kernels forward. */
function firstOfEachShape(recipe: Recipe): readonly number[] {
  const seen = new Set<number>();
  return leavesAt(recipe, 0).flatMap(({ kind, leaf }, place) => {
    if (kind !== 'training' || leaf.supervised === 0 || seen.has(leaf.shape)) return [];
    seen.add(leaf.shape);
    return [place];
  });
}
