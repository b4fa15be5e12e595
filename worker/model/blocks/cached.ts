import type { GraphBuilder } from '../../engine/ir/builder.js';
import type { Dim, Value } from '../../engine/ir/graph.js';
import type { ModelSpec } from '../spec.js';
import { reach } from './causal.js';
import type { Forward } from './forward.js';

/** Keys and values of one layer: earlier ones from the cache, [batch, kv, C, headDim]; new ones [batch, kv, tokens, headDim]. */
export interface LayerCache {
  readonly key: Value;
  readonly value: Value;
}

export interface CachedAttention {
  readonly attend: Forward['attend'];
  /** What each layer adds to the cache, filled while layers are built. */
  readonly added: readonly LayerCache[];
}

/** Below any score and finite: no row becomes NaN. */
export const unseen = -1e30;

/** Distinct windows of the layers, in order of first use; the cache has one bias input for each. */
export const windowsOf = ({ slidingWindow }: ModelSpec): readonly (number | null)[] => [...new Set(slidingWindow)];

/**
 * Attention of `tokens` new queries per row over the cache and over the new tokens up to themselves. The cache is read
 * where it lies: instead of joining old and new keys, both parts are exponentiated with the common maximum and summed.
 * @param past the cache of each layer.
 * @param pastBias per window float32 [batch, tokens, C]: 0 where the cache's place is seen, else `unseen`.
 */
export function cachedAttention(
  b: GraphBuilder,
  spec: ModelSpec,
  past: readonly LayerCache[],
  pastBias: readonly Value[],
  { batch, tokens }: { batch: Dim; tokens: number },
): CachedAttention {
  const { heads, kvHeads, headDim } = spec;
  const group = heads / kvHeads;
  const capacity = past[0]!.key.shape[2]!;
  const windows = windowsOf(spec);
  const oldBias = pastBias.map((bias) => b.reshape(bias, [batch, 1, 1, tokens, capacity]));
  const newBias = windows.map((window) =>
    b.where(b.constant(reach(0, tokens, 0, tokens, window), [tokens, tokens]), 0, unseen),
  );
  const added: LayerCache[] = [];
  const byHead = (x: Value): Value => b.transpose(b.reshape(x, [batch, tokens, kvHeads, headDim]), [0, 2, 1, 3]);

  const attend: Forward['attend'] = (layer, q, k, v) => {
    const window = windows.indexOf(spec.slidingWindow[layer] ?? null);
    const grouped = b.transpose(b.reshape(q, [batch, tokens, kvHeads, group, headDim]), [0, 2, 3, 1, 4]);
    const queries = b.reshape(grouped, [batch, kvHeads, group * tokens, headDim]);
    const fresh = { key: byHead(k), value: byHead(v) };
    added[layer] = fresh;
    const old = past[layer]!;
    const scores = (keys: Value, columns: Dim, bias: Value): Value => {
      const products = b.matmul(queries, keys, { transB: true, alpha: 1 / Math.sqrt(headDim) });
      return b.add(b.reshape(products, [batch, kvHeads, group, tokens, columns]), bias);
    };
    const oldScores = scores(old.key, capacity, oldBias[window]!);
    const newScores = scores(fresh.key, tokens, newBias[window]!);
    const [oldTop, newTop] = [b.reduceMax(oldScores, [4]), b.reduceMax(newScores, [4])];
    const top = b.where(b.less(oldTop, newTop), newTop, oldTop);
    const [oldWeights, newWeights] = [b.exp(b.sub(oldScores, top)), b.exp(b.sub(newScores, top))];
    const total = b.add(b.reduceSum(oldWeights, [4]), b.reduceSum(newWeights, [4]));
    const mixed = (weights: Value, columns: Dim, values: Value): Value =>
      b.matmul(b.reshape(weights, [batch, kvHeads, group * tokens, columns]), values);
    const sum = b.add(mixed(oldWeights, capacity, old.value), mixed(newWeights, tokens, fresh.value));
    const seen = b.div(b.reshape(sum, [batch, kvHeads, group, tokens, headDim]), total);
    return b.reshape(b.transpose(seen, [0, 3, 1, 2, 4]), [rowsOf(batch, tokens), heads * headDim]);
  };
  return { attend, added };
}

/** batch * tokens; a batch of unknown size has one token per row. */
export const rowsOf = (batch: Dim, tokens: number): Dim => (typeof batch === 'number' ? batch * tokens : batch);
