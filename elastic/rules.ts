import { buildTree, type Tree } from './tree.js';

/** What never changes during a training: from the recipe, and the protocol's waits. */
export interface Rules extends RuleFacts {
  /** The summation tree of a step. */
  readonly treeOf: (step: number) => Tree;
}

export interface RuleFacts {
  readonly steps: number;
  readonly shards: number;
  /** Present leaves of a step, ascending; at least one. */
  readonly leavesOf: (step: number) => readonly Leaf[];
  readonly timing: Timing;
  readonly assignment: Assignment;
}

/**
 * `bySpeed`: leaves follow measured speed, and who has none left takes some of the slowest's. `fixed`: equal shares, and
 * nobody takes another's unless it is suspected: the usual partition, for comparison.
 */
export type Assignment = 'bySpeed' | 'fixed';

export interface Leaf {
  readonly index: number;
  /** Relative work, e.g. tokens. */
  readonly cost: number;
}

export interface Timing {
  /** A status goes out at least this often. */
  readonly heartbeatMs: number;
  /** Silence after which a peer's shards and leaves are taken over. Suspicion, not removal: it may come back. */
  readonly suspectMs: number;
  /** Pause after something failed, and patience before a missing reduced shard is fetched. */
  readonly retryMs: number;
  /** No progress at all for this long: one goes on alone, whatever the others seem to hold. */
  readonly stallMs: number;
  /** How long a leaving worker hands over. */
  readonly leaveMs: number;
  /** A leaf that runs this many times its expected time is computed by somebody else too. */
  readonly overdueFactor: number;
  /** Pieces under way to one peer at once. */
  readonly window: number;
  /** Reduced shards are kept for at most this many committed steps. */
  readonly retainSteps: number;
  /** Reduced shards of at most this many steps ahead are kept while the state is being fetched. */
  readonly aheadSteps: number;
}

export const defaultTiming: Timing = {
  heartbeatMs: 750,
  suspectMs: 3000,
  retryMs: 500,
  stallMs: 8000,
  leaveMs: 5000,
  overdueFactor: 1.5,
  window: 2,
  retainSteps: 2,
  aheadSteps: 8,
};

/** Steps whose books are kept: the present one, those that peers may still ask for, and those ahead. */
const keptSteps = 16;

/** Leaves and trees are asked for many times in a turn: those of the last steps are kept. */
export function createRules(facts: RuleFacts): Rules {
  const kept = new Map<number, { readonly leaves: readonly Leaf[]; readonly tree: Tree }>();
  const booksOf = (step: number) => {
    const known = kept.get(step);
    if (known !== undefined) return known;
    const leaves = facts.leavesOf(step);
    const books = { leaves, tree: buildTree(leaves.map(({ index }) => index)) };
    kept.set(step, books);
    if (kept.size > keptSteps) kept.delete(kept.keys().next().value!);
    return books;
  };
  return { ...facts, leavesOf: (step) => booksOf(step).leaves, treeOf: (step) => booksOf(step).tree };
}
