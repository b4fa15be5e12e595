import { dropoutInputs, dropoutMaskFor } from '../../adapter/dropout.js';
import { sitesOf } from '../../adapter/sites.js';
import type { MicroBatch, MicroBatchShape } from '../../engine/engine.js';
import type { Feed } from '../../engine/session.js';
import type { RecipeMethod } from '../../recipe/recipe.js';
import { ropeDependsOnLength, ropeTable } from '../blocks/rope.js';
import type { ModelSpec } from '../spec.js';

export type Feeds = Readonly<Record<string, Feed>>;

export const headChunks = ({ rows, tokens }: MicroBatchShape, headChunk: number): number =>
  Math.ceil((rows * tokens) / headChunk);

/** Makes the inputs of a training or loss graph from a micro-batch of that shape; the adapter's tensors are not among them. */
export function createMicroBatchFeeds(
  spec: ModelSpec,
  shape: MicroBatchShape,
  headChunk: number,
  dropout: { readonly method: RecipeMethod; readonly seed: number } | null = null,
): (batch: MicroBatch) => Feeds {
  const positioned = createPositionFeeds(spec, shape, longestSupervised);
  const masks = dropout ? dropoutInputs(dropout.method, sitesOf(spec)) : [];
  return (batch) => ({
    ...positioned(batch),
    documents: { dtype: 'int32', data: batch.documents, shape: [shape.rows, shape.tokens] },
    ...headFeeds(batch, headChunk),
    ...Object.fromEntries(
      masks.map((mask) => [
        mask.name,
        float32(dropoutMaskFor(mask, batch, dropout!.method, dropout!.seed), [shape.rows * shape.tokens, mask.width]),
      ]),
    ),
  });
}

/**
 * Ids, positions and the rotary tables that positions index.
 * @param longestOf the number of tokens that length-dependent RoPE scalings go by; all of the batch's if left out.
 */
export function createPositionFeeds<Batch extends Pick<MicroBatch, 'ids' | 'positions'>>(
  spec: ModelSpec,
  { rows, tokens }: MicroBatchShape,
  longestOf: (batch: Batch) => number = ({ positions }) => positions.reduce((most, p) => Math.max(most, p), 0) + 1,
): (batch: Batch) => Feeds {
  const tableShape = [tokens, spec.headDim / 2];
  const usual = ropeTable(spec, tokens, tokens);
  return (batch) => {
    const { cos, sin } = ropeDependsOnLength(spec.rope) ? ropeTable(spec, tokens, longestOf(batch)) : usual;
    return {
      ids: int64(toInt64(batch.ids), [rows * tokens]),
      positions: int64(toInt64(batch.positions), [rows, tokens]),
      rope_cos: float32(cos, tableShape),
      rope_sin: float32(sin, tableShape),
    };
  };
}

/** Tokens of the longest document that is supervised: padding and what else cannot touch the loss must not change it. */
function longestSupervised({ shape, positions, documents, labels }: MicroBatch): number {
  const keyOf = (place: number): string => `${Math.floor(place / shape.tokens)}:${documents[place]}`;
  const supervised = new Set(
    Array.from(labels.keys())
      .filter((place) => labels[place]! >= 0)
      .map(keyOf),
  );
  return positions.reduce((most, position, place) => {
    return position >= most && supervised.has(keyOf(place)) ? position + 1 : most;
  }, 1);
}

/** The last chunk of the head is padded to a multiple of this: whole vectors for the kernels, and little waste. */
const headRowsStep = 8;

/** Supervised positions in order, cut into chunks of at most `headChunk` rows; the last is padded with rows of weight 0. */
function headFeeds({ shape, labels, weights }: MicroBatch, headChunk: number): Feeds {
  const tokens = shape.rows * shape.tokens;
  const supervised = Array.from(labels.keys()).filter((position) => labels[position]! >= 0);
  const feeds: Record<string, Feed> = {};
  for (let chunk = 0; chunk < headChunks(shape, headChunk); chunk++) {
    const rows = supervised.slice(chunk * headChunk, (chunk + 1) * headChunk);
    const size = Math.min(headChunk, Math.ceil(rows.length / headRowsStep) * headRowsStep);
    const index = new BigInt64Array(size);
    const inverse = new BigInt64Array(tokens).fill(BigInt(size));
    const chunkLabels = new BigInt64Array(size);
    const chunkWeights = new Float32Array(size);
    rows.forEach((position, place) => {
      index[place] = BigInt(position);
      inverse[position] = BigInt(place);
      chunkLabels[place] = BigInt(labels[position]!);
      chunkWeights[place] = weights[position]!;
    });
    feeds[`head_index_${chunk}`] = int64(index, [size]);
    feeds[`head_inverse_${chunk}`] = int64(inverse, [tokens]);
    feeds[`head_labels_${chunk}`] = int64(chunkLabels, [size]);
    feeds[`head_weights_${chunk}`] = float32(chunkWeights, [size]);
  }
  return feeds;
}

export const float32 = (data: Float32Array, shape: readonly number[]): Feed => ({ dtype: 'float32', data, shape });
export const int64 = (data: BigInt64Array, shape: readonly number[]): Feed => ({ dtype: 'int64', data, shape });
export const toInt64 = (values: Int32Array): BigInt64Array => BigInt64Array.from(values, (value) => BigInt(value));
