import type { Base } from '../../model/base.js';
import type { RecipeMethod } from '../../recipe/recipe.js';
import type { AdapterLayout, MicroBatchShape } from '../engine.js';
import type { Provider } from '../ops/define.js';
import type { Feed } from '../session.js';

/** All an engine needs to know: plain data that crosses into its thread. */
export interface EngineSetup {
  readonly base: Pick<Base, 'directory' | 'spec' | 'tensors'>;
  readonly method: RecipeMethod;
  readonly layout: AdapterLayout;
  /** Seed of dropout masks. */
  readonly seed: number;
  readonly attentionBlock: number;
  readonly headChunk: number;
  readonly strategy: StrategyName;
  readonly device: Provider;
}

export type StrategyName = 'whole' | 'layered';
export type Feeds = Readonly<Record<string, Feed>>;

/** How one shape of micro-batch is computed. `feeds` hold everything but the adapter's tensors. */
export interface Strategy {
  /** Writes gradients and the loss into `result`, a zeroed vector of the layout. */
  leaf(feeds: Feeds, adapter: Float32Array, result: Float32Array): Promise<void>;
  loss(feeds: Feeds, adapter: Float32Array): Promise<number>;
  close(): Promise<void>;
}

export type OpenStrategy = (setup: EngineSetup, shape: MicroBatchShape) => Strategy;

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** Each adapter tensor's part of a flat vector, in place, by PEFT key. */
export function partsOf({ tensors }: AdapterLayout, vector: Float32Array): Record<string, Feed> {
  return Object.fromEntries(
    tensors.map(({ name, shape, offset }) => [
      name,
      { dtype: 'float32', shape, data: vector.subarray(offset, offset + sizeOf(shape)) },
    ]),
  );
}

/** The loss slot as an output of a session. */
export const lossPart = ({ lossSlot }: AdapterLayout, vector: Float32Array): Feed => ({
  dtype: 'float32',
  shape: [],
  data: vector.subarray(lossSlot, lossSlot + 1),
});

/** A value that is made when first asked for, and closed with its owner. */
export function lazily<T extends { close(): Promise<void> }>(open: () => Promise<T>) {
  let opened: Promise<T> | undefined;
  return {
    get: (): Promise<T> => {
      opened ??= open();
      return opened;
    },
    close: async (): Promise<void> => {
      await (await opened)?.close();
    },
  };
}
