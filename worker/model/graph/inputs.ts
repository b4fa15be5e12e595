import { dropoutInputs, dropoutMaskFor } from '../../adapter/dropout.js';
import { sitesOf } from '../../adapter/sites.js';
import type { MicroBatch, MicroBatchShape } from '../../engine/engine.js';
import type { RecipeMethod } from '../../recipe/recipe.js';
import { type RopeTable, ropeDependsOnLength, ropeTable } from '../blocks/rope.js';
import type { ModelSpec } from '../spec.js';

/** One tensor for a graph input. */
export interface Feed {
  readonly data: Float32Array | Int32Array | BigInt64Array;
  readonly shape: readonly number[];
}
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
  const positioned = createPositionFeeds(spec, shape);
  const masks = dropout ? dropoutInputs(dropout.method, sitesOf(spec)) : [];
  return (batch) => ({
    ...positioned(batch),
    documents: { data: batch.documents, shape: [shape.rows, shape.tokens] },
    ...headFeeds(batch, headChunk),
    ...Object.fromEntries(
      masks.map((mask) => [
        mask.name,
        {
          data: dropoutMaskFor(mask, batch, dropout!.method, dropout!.seed),
          shape: [shape.rows * shape.tokens, mask.width],
        },
      ]),
    ),
  });
}

/** Ids, positions and the rotary tables that positions index. */
export function createPositionFeeds(
  spec: ModelSpec,
  { rows, tokens }: MicroBatchShape,
): (batch: Pick<MicroBatch, 'ids' | 'positions'>) => Feeds {
  const tableShape = [tokens, spec.headDim / 2];
  const tableOf = ropeDependsOnLength(spec.rope)
    ? (positions: Int32Array) => ropeTable(spec, tokens, positions.reduce((most, p) => Math.max(most, p), 0) + 1)
    : constantly(ropeTable(spec, tokens, tokens));
  return ({ ids, positions }) => {
    const { cos, sin } = tableOf(positions);
    return {
      ids: { data: toInt64(ids), shape: [rows * tokens] },
      positions: { data: toInt64(positions), shape: [rows, tokens] },
      rope_cos: { data: cos, shape: tableShape },
      rope_sin: { data: sin, shape: tableShape },
    };
  };
}

/** Supervised positions in order, cut into chunks of `headChunk` rows; the last is padded with rows of weight 0. */
function headFeeds({ shape, labels, weights }: MicroBatch, headChunk: number): Feeds {
  const tokens = shape.rows * shape.tokens;
  const supervised = Array.from(labels.keys()).filter((position) => labels[position]! >= 0);
  const feeds: Record<string, Feed> = {};
  for (let chunk = 0; chunk < headChunks(shape, headChunk); chunk++) {
    const rows = supervised.slice(chunk * headChunk, (chunk + 1) * headChunk);
    const size = rows.length === 0 ? 0 : headChunk;
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
    feeds[`head_index_${chunk}`] = { data: index, shape: [size] };
    feeds[`head_inverse_${chunk}`] = { data: inverse, shape: [tokens] };
    feeds[`head_labels_${chunk}`] = { data: chunkLabels, shape: [size] };
    feeds[`head_weights_${chunk}`] = { data: chunkWeights, shape: [size] };
  }
  return feeds;
}

export const toInt64 = (values: Int32Array): BigInt64Array => BigInt64Array.from(values, (value) => BigInt(value));

const constantly =
  (table: RopeTable) =>
  (_: Int32Array): RopeTable =>
    table;
