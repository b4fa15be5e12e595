import type { Tree } from './tree.js';

/** Sums of costs in another order differ in their last bits. */
const roundingRoom = 1 + 1e-9;

/**
 * Parts the leaves of a tree so that each member gets leaves of the given cost in all, in few and large subtrees: whatever lies
 * below one node travels as one sum. Sixteen equal leaves for 5, 5, 5 and 1 are seven pieces, three runs of five and one leaf
 * are nine. Greedy: the largest subtree that fits, split off the smallest larger one. Answers whose each present leaf is;
 * undefined where leaves of unlike cost do not add up.
 * @param upTo `upTo[i]`: the cost of the leaves before place `i`.
 */
export function inBlocks(
  tree: Tree,
  upTo: readonly number[],
  shares: readonly number[],
): readonly number[] | undefined {
  const free = new FreeBlocks(tree, upTo);
  const memberAt = new Array<number>(tree.leaves.length);
  for (const [member, share] of shares.entries())
    for (let room = share; room > 0; ) {
      const block = free.take(room * roundingRoom);
      if (block === undefined) break;
      memberAt.fill(member, block.from, block.to);
      room -= block.cost;
    }
  return free.isEmpty ? memberAt : undefined;
}

interface Block {
  readonly node: number;
  readonly from: number;
  readonly to: number;
  readonly cost: number;
}

/** Subtrees that are nobody's yet, by cost. */
class FreeBlocks {
  readonly #tree: Tree;
  readonly #upTo: readonly number[];
  readonly #byCost = new Map<number, Block[]>();

  constructor(tree: Tree, upTo: readonly number[]) {
    this.#tree = tree;
    this.#upTo = upTo;
    this.#put(this.#blockOf(tree.root));
  }

  get isEmpty(): boolean {
    return this.#byCost.size === 0;
  }

  /** The largest that costs no more than `room`, or a part of a larger one if that is larger. */
  take(room: number): Block | undefined {
    let [fits, above] = [0, Number.POSITIVE_INFINITY];
    for (const cost of this.#byCost.keys()) {
      if (cost <= room) fits = Math.max(fits, cost);
      else above = Math.min(above, cost);
    }
    if (this.#firstPart(above, room) > fits) return this.#split(this.#pop(above), room);
    return fits > 0 ? this.#pop(fits) : undefined;
  }

  /** What splitting a block of this cost would give. */
  #firstPart(cost: number, room: number): number {
    let block = this.#byCost.get(cost)?.at(-1);
    while (block !== undefined && block.cost > room) block = this.#childrenOf(block)?.[0];
    return block?.cost ?? 0;
  }

  #split(block: Block, room: number): Block {
    let part = block;
    while (part.cost > room) {
      const [left, right] = this.#childrenOf(part)!;
      this.#put(right);
      part = left;
    }
    return part;
  }

  #childrenOf({ node }: Block): readonly [Block, Block] | undefined {
    const children = this.#tree.nodes.get(node)!.children;
    return children && [this.#blockOf(children[0]), this.#blockOf(children[1])];
  }

  #blockOf(node: number): Block {
    const { from, to } = this.#tree.nodes.get(node)!;
    return { node, from, to, cost: this.#upTo[to]! - this.#upTo[from]! };
  }

  #put(block: Block): void {
    const same = this.#byCost.get(block.cost);
    if (same === undefined) this.#byCost.set(block.cost, [block]);
    else same.push(block);
  }

  #pop(cost: number): Block {
    const same = this.#byCost.get(cost)!;
    const block = same.pop()!;
    if (same.length === 0) this.#byCost.delete(cost);
    return block;
  }
}
