import { sha256 } from '../../common/hash.js';
import type { RecipeFacts, Trainee } from '../../worker/exchange/trainee.js';
import { gradientOf, stepped } from './twin.js';

/** A training that costs next to nothing, with pseudo-gradients that depend on the weights and therefore on every earlier bit. */
export function toyRecipe({ steps = 20, leaves = 8, shards = 4, shardLength = 64, hash = 'toy' } = {}): RecipeFacts {
  const floats = shards * shardLength;
  return {
    hash,
    numericsVersion: 1,
    steps,
    leavesOf: (step) =>
      // Leaf 3 is absent in every other step.
      Array.from({ length: leaves }, (_, index) => ({ index, cost: 512 })).filter(
        ({ index }) => index !== 3 || step % 2 === 0,
      ),
    shards: Array.from({ length: shards }, (_, shard) => [shard * shardLength, (shard + 1) * shardLength] as const),
    vectorLength: floats,
    lossSlot: floats - 16,
  };
}

export class ToyTrainee implements Trainee {
  nextStep = 0;
  readonly parallel: number;
  weights: Float32Array;
  /** Called before a leaf is computed: to wait, or to die. */
  readonly #beforeLeaf: (step: number, leaf: number, signal: AbortSignal) => Promise<void>;

  constructor(
    recipe: RecipeFacts,
    options: {
      parallel?: number;
      beforeLeaf?: (step: number, leaf: number, signal: AbortSignal) => Promise<void>;
    } = {},
  ) {
    this.weights = new Float32Array(recipe.vectorLength);
    this.parallel = options.parallel ?? 1;
    this.#beforeLeaf = options.beforeLeaf ?? (async () => {});
  }

  async computeLeaf(step: number, leaf: number, signal: AbortSignal): Promise<Float32Array> {
    const { weights } = this;
    await this.#beforeLeaf(step, leaf, signal);
    return gradientOf(step, leaf, weights);
  }

  async apply(step: number, reduced: Float32Array): Promise<void> {
    this.weights = stepped(this.weights, reduced);
    this.nextStep = step + 1;
  }

  snapshot(): Uint8Array {
    const bytes = new Uint8Array(4 + this.weights.byteLength);
    new DataView(bytes.buffer).setUint32(0, this.nextStep, true);
    bytes.set(new Uint8Array(this.weights.buffer, this.weights.byteOffset, this.weights.byteLength), 4);
    return bytes;
  }

  restore(bytes: Uint8Array): void {
    this.nextStep = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    this.weights = new Float32Array(bytes.slice(4).buffer);
  }

  get sha256(): string {
    return sha256(new Uint8Array(this.weights.buffer, this.weights.byteOffset, this.weights.byteLength));
  }
}
