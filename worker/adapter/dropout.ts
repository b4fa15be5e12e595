import type { MicroBatch } from '../engine/engine.js';
import type { RecipeMethod } from '../recipe/recipe.js';
import { fillDropoutMask } from '../train/philox.js';
import { wrappedSites } from './layout.js';
import { dropoutInput } from './method.js';
import type { Site } from './sites.js';

/** A mask that a training graph asks for. */
export interface DropoutInput {
  readonly name: string;
  /** Index among the method's modules: the mask's address in the random stream. */
  readonly site: number;
  readonly width: number;
}

/** The dropout inputs of a training graph; none without dropout. */
export const dropoutInputs = (method: RecipeMethod, sites: readonly Site[]): readonly DropoutInput[] =>
  method.dropout === 0
    ? []
    : wrappedSites(method, sites).map((site, index) => ({
        name: dropoutInput(site.path),
        site: index,
        width: site.in,
      }));

/**
 * The mask of one input for one micro-batch, [rows * tokens, width]. Each row is drawn for its own sequence, so that a
 * sequence meets the same mask whatever micro-batch it lies in.
 */
export function dropoutMaskFor(
  input: DropoutInput,
  batch: MicroBatch,
  method: RecipeMethod,
  seed: number,
): Float32Array {
  const { rows, tokens } = batch.shape;
  const size = tokens * input.width;
  const mask = new Float32Array(rows * size);
  batch.sequences.forEach((sequence, row) => {
    fillDropoutMask(
      mask.subarray(row * size, (row + 1) * size),
      seed,
      batch.step,
      sequence,
      input.site,
      method.dropout,
    );
  });
  return mask;
}
