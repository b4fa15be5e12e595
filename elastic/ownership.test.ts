import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownersOf } from './ownership.js';

const counts = (owners: readonly string[]) => [
  ...owners.reduce((map, owner) => map.set(owner, (map.get(owner) ?? 0) + 1), new Map<string, number>()).values(),
];

test('shards spread evenly: nobody owns more than its share, rounded up', () => {
  for (const members of [1, 2, 3, 5, 8]) {
    const ids = Array.from({ length: members }, (_, i) => `worker-${i}`);
    assert.ok(Math.max(...counts(ownersOf(ids, 16))) <= Math.ceil(16 / members));
  }
});

test('owners do not depend on the order in which members are named, and most keep their shards when one goes', () => {
  const ids = ['a', 'b', 'c', 'd'];
  const before = ownersOf(ids, 16);
  assert.deepEqual(ownersOf([...ids].reverse(), 16), before);
  const after = ownersOf(['a', 'b', 'c'], 16);
  const moved = before.filter((owner, shard) => owner !== 'd' && owner !== after[shard]);
  assert.ok(moved.length <= 4, `${moved.length} shards of the living moved`);
  assert.deepEqual(ownersOf([], 4), []);
});
