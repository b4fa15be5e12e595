import type { Feed } from '../../engine/session.js';
import { float32 } from '../graph/inputs.js';
import type { ModelSpec } from '../spec.js';

/** Keys and values of `rows` sequences with room for `capacity` tokens each, [rows, kv, capacity, headDim] per layer. */
export interface KvCache {
  readonly capacity: number;
  /** The cache of rows [first, first + count) as inputs of a decode graph: views, not copies. */
  feeds(first: number, count: number): Record<string, Feed>;
  /** Takes over what a decode graph computed: `tokens` places of row `from` in `results` go behind `past` of row `to`. */
  store(results: KvResults, from: number, to: number, past: number, tokens: number): void;
  /** Copies the first `tokens` places of one row to another. */
  copy(from: number, to: number, tokens: number): void;
}

/** Where a decode graph of that batch and length writes its new keys and values. */
export interface KvResults {
  readonly tokens: number;
  readonly feeds: Readonly<Record<string, Feed>>;
}

export function createKvResults(spec: ModelSpec, batch: number, tokens: number): KvResults {
  const shape = [batch, spec.kvHeads, tokens, spec.headDim];
  const size = batch * spec.kvHeads * tokens * spec.headDim;
  const names = Array.from({ length: spec.layers }, (_, layer) => [`key_${layer}`, `value_${layer}`]).flat();
  const feeds = Object.fromEntries(names.map((name) => [name, float32(new Float32Array(size), shape)]));
  return { tokens, feeds };
}

/** Bytes of one row of a cache. */
export const cacheBytesPerRow = ({ layers, kvHeads, headDim }: ModelSpec, capacity: number): number =>
  layers * 2 * kvHeads * capacity * headDim * 4;

export function createKvCache(spec: ModelSpec, rows: number, capacity: number): KvCache {
  const { kvHeads, headDim } = spec;
  const headFloats = capacity * headDim;
  const rowFloats = kvHeads * headFloats;
  const names = Array.from({ length: spec.layers }, (_, layer) => [`key_${layer}`, `value_${layer}`]).flat();
  const tensors = names.map((name) => ({ name, data: new Float32Array(rows * rowFloats) }));
  return {
    capacity,
    feeds: (first, count) =>
      Object.fromEntries(
        tensors.map(({ name, data }) => [
          `past_${name}`,
          float32(data.subarray(first * rowFloats, (first + count) * rowFloats), [count, kvHeads, capacity, headDim]),
        ]),
      ),
    store(results, from, to, past, tokens) {
      for (const { name, data } of tensors) {
        const added = results.feeds[name]!.data as Float32Array;
        for (let head = 0; head < kvHeads; head++) {
          const source = (from * kvHeads + head) * results.tokens * headDim;
          data.set(
            added.subarray(source, source + tokens * headDim),
            to * rowFloats + head * headFloats + past * headDim,
          );
        }
      }
    },
    copy(from, to, tokens) {
      for (const { data } of tensors)
        for (let head = 0; head < kvHeads; head++) {
          const source = from * rowFloats + head * headFloats;
          data.copyWithin(to * rowFloats + head * headFloats, source, source + tokens * headDim);
        }
    },
  };
}
