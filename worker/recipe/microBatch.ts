import type { Sequence } from '../data/sequence.js';
import type { MicroBatch } from '../engine/engine.js';
import type { Recipe, RecipeLeaf } from './recipe.js';

/**
 * The engine's input for one leaf. Padding is a document of its own with positions from 0: it attends to itself (a row that
 * attends to nothing has no softmax) and weighs nothing.
 * @param tokens the decoded tokens.bin.
 */
export function microBatch(
  { shapes }: Pick<Recipe, 'shapes'>,
  tokens: readonly Sequence[],
  leaf: RecipeLeaf,
  step: number,
): MicroBatch {
  const shape = shapes[leaf.shape]!;
  const size = shape.rows * shape.tokens;
  const batch = {
    ids: new Int32Array(size),
    positions: new Int32Array(size),
    documents: new Int32Array(size),
    labels: new Int32Array(size).fill(-1),
  };
  const weights = new Float32Array(size);
  leaf.sequences.forEach((index, row) => {
    const start = row * shape.tokens;
    const sequence = tokens[index];
    const length = sequence?.ids.length ?? 0;
    if (sequence) {
      batch.ids.set(sequence.ids, start);
      batch.positions.set(sequence.positions, start);
      batch.documents.set(sequence.documents, start);
      batch.labels.set(sequence.labels, start);
      sequence.labels.forEach((label, place) => {
        weights[start + place] = label >= 0 ? 1 : 0;
      });
    }
    const padding = (sequence?.documents.at(-1) ?? 0) + 1;
    for (let place = length; place < shape.tokens; place++) {
      batch.positions[start + place] = place - length;
      batch.documents[start + place] = padding;
    }
  });
  return { shape, ...batch, weights, step, sequences: leaf.sequences };
}
