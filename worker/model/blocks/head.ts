import type { GraphBuilder } from '../../engine/ir/builder.js';
import type { Dim, Value } from '../../engine/ir/graph.js';
import type { Forward } from './forward.js';
import { norm } from './norm.js';

/** The frozen matrix that turns hidden states into logits, [vocab, hidden]. */
export const headWeight = (f: Forward): Value =>
  f.weight(f.spec.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight');

/** Logits of hidden states `x [rows, hidden]` before the final norm -> `[rows, vocab]`. */
export const logits = (f: Forward, x: Value): Value => f.linear('lm_head', norm(f, 'model.norm', x));

/** One chunk of supervised rows; every size is the symbol of this chunk: at most `headChunk`, and 0 where nothing is left. */
export interface HeadChunk {
  /** int64 [R]: rows of the hidden states. */
  readonly index: Value;
  /** int64 [N]: place of a hidden row in `index`, or R. */
  readonly inverse: Value;
  /** int64 [R] */
  readonly labels: Value;
  /** float32 [R] */
  readonly weights: Value;
}

/**
 * Sum over the supervised rows of weight * (logsumexp(logits) - logits[label]), chunk after chunk, so that the logits of
 * one chunk are all there ever is of them. `x [N, hidden]` -> scalar.
 */
export function headLoss(f: Forward, x: Value, chunks: readonly HeadChunk[], adaptedHead: boolean): Value {
  const losses = chunks.map((chunk) => {
    const rows = f.b.gatherRows(x, chunk.index, chunk.inverse);
    return adaptedHead
      ? crossEntropy(f.b, logits(f, rows), chunk)
      : f.b.linearCrossEntropy(norm(f, 'model.norm', rows), headWeight(f), chunk.labels, chunk.weights);
  });
  return losses.reduce((sum, loss) => f.b.add(sum, loss));
}

/**
 * The same from plain operations, where the head itself is trained: keeps the logits of every chunk for the way back. Sums
 * are products with ones, because their gradient needs no size that is unknown.
 */
function crossEntropy(b: GraphBuilder, scores: Value, { labels, weights }: HeadChunk): Value {
  const [rows, vocab] = scores.shape as [Dim, number];
  const ones = b.constant(new Float32Array(vocab).fill(1), [vocab, 1]);
  const classes = b.constant(
    BigInt64Array.from({ length: vocab }, (_, id) => BigInt(id)),
    [1, vocab],
  );
  const highest = b.reduceMax(scores, [1]);
  const partition = b.gemm(b.exp(b.sub(scores, highest)), ones);
  const labelled = b.gemm(b.where(b.equal(b.reshape(labels, [rows, 1]), classes), scores, 0), ones);
  const losses = b.sub(b.add(b.log(partition), highest), labelled);
  return b.reshape(b.gemm(b.reshape(weights, [1, rows]), losses), []);
}
