import type { AdapterLayout } from '../engine/engine.js';

const floatsPerShard = 262_144;
const mostShards = 16;
const alignment = 16;

/** Cuts the adapter vector into shards of about 1 MiB, 16 at most; a function of the layout and of nothing else. */
export function cutShards({ length }: Pick<AdapterLayout, 'length'>): readonly (readonly [number, number])[] {
  const count = Math.min(Math.ceil(length / floatsPerShard), mostShards);
  const bound = (shard: number): number =>
    shard === count ? length : Math.floor((length * shard) / (count * alignment)) * alignment;
  return Array.from({ length: count }, (_, shard) => [bound(shard), bound(shard + 1)] as const);
}
