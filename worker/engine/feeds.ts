import type { DType } from './ir/graph.js';
import type { Feed } from './session.js';
import type { Feeds } from './strategy/strategy.js';

/** Feeds with the dtype that their arrays imply. */
export const typedFeeds = (feeds: Readonly<Record<string, Omit<Feed, 'dtype'>>>): Feeds =>
  Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, { ...feed, dtype: dtypeOf(feed.data) }]));

function dtypeOf(data: Feed['data']): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Int32Array) return 'int32';
  return data instanceof Uint8Array ? 'bool' : 'int64';
}

/**
 * Feeds without empty tensors: GPU kernels refuse them where the CPU's skip them. A head chunk with no rows becomes one of
 * `headChunk` rows of weight 0, whose gradient nobody takes.
 */
export function withoutEmptyChunks(feeds: Feeds, headChunk: number): Feeds {
  const filled: Record<string, Feed> = { ...feeds };
  for (const [name, feed] of Object.entries(feeds)) {
    if (feed.data.length > 0) continue;
    const View = feed.data.constructor as new (length: number) => Feed['data'];
    filled[name] = { ...feed, shape: [headChunk], data: new View(headChunk) };
    const inverse = name.replace('head_index_', 'head_inverse_');
    const places = inverse === name ? undefined : feeds[inverse];
    if (places) filled[inverse] = { ...places, data: new BigInt64Array(places.data.length).fill(BigInt(headChunk)) };
  }
  return filled;
}
