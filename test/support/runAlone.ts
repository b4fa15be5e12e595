import { buildTree, type Tree } from '../../elastic/tree.js';
import type { Trainee } from '../../worker/exchange/trainee.js';
import type { Recipe } from '../../worker/recipe/recipe.js';
import { leavesAt } from '../../worker/train/leaves.js';

/**
 * Trains without an exchange: one process, all leaves, the same summation tree. What several workers make together must
 * equal this bit by bit.
 */
export async function runAlone(
  trainee: Trainee,
  recipe: Recipe,
  { untilStep, signal }: { readonly untilStep: number; readonly signal: AbortSignal },
): Promise<void> {
  while (trainee.nextStep < untilStep) {
    const step = trainee.nextStep;
    const present = leavesAt(recipe, step).flatMap(({ leaf }, index) => (leaf.supervised > 0 ? [index] : []));
    const gradients = await Promise.all(present.map((leaf) => trainee.computeLeaf(step, leaf, signal)));
    const tree = buildTree(present);
    await trainee.apply(step, sumAlong(tree, tree.root, new Map(present.map((leaf, i) => [leaf, gradients[i]!]))));
  }
}

/** The sum of a node, f32 addition by f32 addition; overwrites the vectors below it. */
function sumAlong(tree: Tree, node: number, vectors: ReadonlyMap<number, Float32Array>): Float32Array {
  const { children, from } = tree.nodes.get(node)!;
  if (!children) return vectors.get(tree.leaves[from]!)!;
  const sum = sumAlong(tree, children[0], vectors);
  const right = sumAlong(tree, children[1], vectors);
  for (let index = 0; index < sum.length; index++) sum[index]! += right[index]!;
  return sum;
}
