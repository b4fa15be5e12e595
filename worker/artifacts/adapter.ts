import type { AdapterLayout } from '../engine/engine.js';
import type { RecipeMethod } from '../recipe/recipe.js';

/** One tensor of an adapter, float32, row-major. */
export interface AdapterTensorValue {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A trained or loaded adapter: its method, and its tensors by PEFT key. */
export interface Adapter {
  readonly method: RecipeMethod;
  readonly tensors: ReadonlyMap<string, AdapterTensorValue>;
}

/** The pair of one wrapped module: delta W = s B A. */
export interface LoraPair {
  readonly path: string;
  readonly rank: number;
  /** A [rank, in]. */
  readonly a: AdapterTensorValue;
  /** B [out, rank]. */
  readonly b: AdapterTensorValue;
}

export const loraKey = (path: string, part: 'A' | 'B'): string => `base_model.model.${path}.lora_${part}.weight`;

/** Module pairs in the order of `method.modules`. */
export function loraPairs({ method, tensors }: Adapter): readonly LoraPair[] {
  return method.modules.map((path) => {
    const a = tensors.get(loraKey(path, 'A'));
    const b = tensors.get(loraKey(path, 'B'));
    if (!a || !b) throw new Error(`the adapter has no pair for ${path}`);
    return { path, rank: a.shape[0]!, a, b };
  });
}

/** The adapter as cut out of a flat vector. Its tensors are views: a later step would change them. */
export function adapterFromVector(method: RecipeMethod, layout: AdapterLayout, vector: Float32Array): Adapter {
  return {
    method,
    tensors: new Map(
      layout.tensors.map(({ name, shape, offset }) => [
        name,
        { shape, data: vector.subarray(offset, offset + sizeOf(shape)) },
      ]),
    ),
  };
}

/** The flat vector of an adapter; gaps and the statistics slot are 0. */
export function adapterVector({ tensors }: Adapter, layout: AdapterLayout): Float32Array<ArrayBuffer> {
  const vector = new Float32Array(layout.length);
  for (const { name, offset } of layout.tensors) {
    const tensor = tensors.get(name);
    if (!tensor) throw new Error(`the adapter has no tensor ${name}`);
    vector.set(tensor.data, offset);
  }
  return vector;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
