import type { AdapterLayout, MicroBatchShape } from '../engine/engine.js';
import type { ModelSpec } from '../model/spec.js';

/**
 * The compiled, content-addressed job (`recipe.json` + `tokens.bin`). Everything that changes a bit of the adapter stands
 * here and nothing else does: no name, worker count, output, lifecycle or checkpoint setting. Workers execute it and decide
 * nothing. Its hash is SHA-256 of its RFC 8785 JSON.
 */
export interface Recipe {
  readonly recipeVersion: 1;
  /** Version of Espalier's numerics: raised whenever the same recipe would give other bits. */
  readonly numericsVersion: number;
  readonly base: { readonly sha256: string; readonly spec: ModelSpec };
  /** SHA-256 of tokens.bin and how many sequences it holds (training first, then evaluation, then general text). */
  readonly tokens: {
    readonly sha256: string;
    readonly train: number;
    readonly evaluation: number;
    readonly general: number;
  };
  readonly method: RecipeMethod;
  readonly layout: AdapterLayout;
  /** Shards of the adapter vector, [start, end) in floats, multiples of 16; a function of the layout only. */
  readonly shards: readonly (readonly [number, number])[];
  readonly training: {
    readonly seed: number;
    readonly steps: number;
    /** Learning rate of each step, float64. */
    readonly learningRates: readonly number[];
    readonly optimizer: {
      readonly type: 'AdamW';
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
      readonly weightDecay: number;
    };
    readonly maxGradNorm: number | null;
  };
  readonly engine: {
    readonly attentionBlock: number;
    readonly headChunk: number;
    readonly device: 'cpu' | 'cuda' | 'webgpu';
    readonly precision: 'float32';
  };
  /** Distinct shapes of all micro-batches. */
  readonly shapes: readonly MicroBatchShape[];
  /** Per step its leaves in order; a leaf names its shape and its sequences (-1 = an all-padding row). */
  readonly batches: readonly (readonly RecipeLeaf[])[];
  /** Evaluation: fixed steps and the leaves of one pass over each held-out set. */
  readonly evaluation: {
    readonly steps: readonly number[];
    readonly leaves: readonly RecipeLeaf[];
    readonly general: readonly RecipeLeaf[];
  };
}

export interface RecipeLeaf {
  /** Index into `shapes`. */
  readonly shape: number;
  /** Indices into tokens.bin, one per row. */
  readonly sequences: readonly number[];
  /** Supervised tokens (sum of loss weights' support); a leaf with 0 is skipped. */
  readonly supervised: number;
}

export type RecipeMethod = {
  readonly name: 'lora';
  readonly rank: number;
  /** Final scale factor of B A: alpha / r, or alpha / sqrt(r) with rsLoRA. */
  readonly scale: number;
  readonly alpha: number;
  readonly rsLora: boolean;
  readonly dropout: number;
  /** Module paths wrapped, in code-unit order. */
  readonly modules: readonly string[];
  readonly init: { readonly type: 'kaiming' | 'gaussian'; readonly seed: number };
};
