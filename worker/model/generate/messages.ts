import type { AdapterLayout } from '../../engine/engine.js';
import type { Provider } from '../../engine/ops/define.js';
import type { RecipeMethod } from '../../recipe/recipe.js';
import type { TensorLocation } from '../base.js';
import type { ModelSpec } from '../spec.js';

/** A trained adapter, whoever trained it. */
export interface GeneratorAdapter {
  readonly layout: AdapterLayout;
  readonly vector: Float32Array;
  readonly method: RecipeMethod;
}

/** What a thread is started with. */
export interface ThreadData {
  readonly directory: string;
  readonly spec: ModelSpec;
  readonly tensors: ReadonlyMap<string, TensorLocation>;
  readonly adapter: GeneratorAdapter | null;
  readonly provider: Provider;
}

export type ThreadRequest = { readonly id: number } & (
  | {
      readonly kind: 'generate';
      readonly prompts: readonly Int32Array[];
      readonly maxTokens: number;
      readonly stopIds: readonly number[];
      /** One shared number: not 0 = nobody waits any more. */
      readonly cancelled: Int32Array;
    }
  | { readonly kind: 'logits'; readonly ids: Int32Array }
  | { readonly kind: 'close' }
);

export type ThreadResult = readonly Int32Array[] | Float32Array | null;

export type ThreadResponse = { readonly id: number } & (
  | { readonly kind: 'done'; readonly result: ThreadResult }
  /** An EspalierError crosses as its name and facts, anything else as a text. */
  | { readonly kind: 'failed'; readonly name: string | null; readonly facts: unknown; readonly reason: string }
);
