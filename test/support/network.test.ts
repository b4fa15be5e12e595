import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pieceName } from '../../elastic/event.js';
import { fetchPiece } from './network.js';
import { World } from './world.js';

test('an answer that reaches a paused worker waits for it, as bytes in a socket do', () => {
  const leaves = [{ index: 0, cost: 1 }];
  const world = new World({ workers: 2, steps: 1, shards: 1, leavesOf: () => leaves, random: () => 0.5 });
  const [a, b] = [...world.workers.values()];
  const key = { step: 0, shard: 0, node: 0 };
  a!.cache.set(pieceName(key), new Float32Array(3));
  fetchPiece(world, b!, a!.id, key);
  world.pause(b!.id, 1000);
  world.run(990);
  assert.equal(b!.cache.has(pieceName(key)), false);
  // Sooner than it could have computed the leaf itself.
  world.run(1050);
  assert.equal(b!.cache.has(pieceName(key)), true);
});
