import { byCodeUnit } from '../common/hash.js';

/**
 * The owner of each shard: rendezvous hashing (the member with the highest hash of member and shard), with at most
 * ceil(shards / members) shards each, so that a small number of shards still spreads evenly. Only hints: who owns what
 * changes no bit.
 */
export function ownersOf(members: readonly string[], shards: number): readonly string[] {
  if (members.length === 0) return [];
  const room = new Map(members.map((member) => [member, Math.ceil(shards / members.length)]));
  const prefixes = [...members].sort(byCodeUnit).map((member) => ({ member, hash: fnv(`${member}/`) }));
  return Array.from({ length: shards }, (_, shard) => {
    let owner = '';
    let best = -1;
    for (const { member, hash } of prefixes) {
      const score = mixed(fnv(String(shard), hash));
      if (score > best && room.get(member)! > 0) [owner, best] = [member, score];
    }
    room.set(owner, room.get(owner)! - 1);
    return owner;
  });
}

/** FNV-1a over UTF-16 code units, going on from the hash of what came before. */
function fnv(text: string, before = 0x811c9dc5): number {
  let hash = before;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

/** The finaliser of MurmurHash3: 32 bits, unsigned. */
function mixed(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
