import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PieceKey } from '../../elastic/event.js';
import { Buffers } from './buffers.js';
import { PieceCache } from './cache.js';

const at = (node: number, step = 0): PieceKey => ({ step, shard: 0, node });
const floats = (...values: number[]) => Float32Array.of(...values);

function aCache() {
  const shards = [
    [0, 2],
    [2, 5],
  ] as const;
  const cache = new PieceCache({ shards, vectorLength: 5 });
  return { cache, buffers: cache.buffers };
}

test('an array that is given back is taken again, by its length', () => {
  const buffers = new Buffers(5);
  const [two, three, one] = [floats(1, 2), floats(1, 2, 3), floats(1)];
  for (const values of [two, three, one]) buffers.give(values);
  assert.equal(buffers.take(3), three);
  assert.equal(buffers.take(2), two);
  // Beyond five floats nothing was kept.
  assert.notEqual(buffers.take(1), one);
  assert.notEqual(buffers.take(2), two);
});

test('what is lent out keeps its bytes and its array until it comes back', () => {
  const { buffers, cache } = aCache();
  const values = floats(1, 2);
  cache.put(at(0), values);
  const loan = cache.get(at(0))!.lend();
  cache.put(at(2), floats(10, 20));
  cache.add(at(0), at(2), at(1));
  assert.deepEqual(cache.get(at(1))!.values, floats(11, 22));
  assert.deepEqual(values, floats(1, 2));
  assert.notEqual(buffers.take(2), values);
  loan[Symbol.dispose]();
  assert.equal(buffers.take(2), values);
});

test('a leaf is cut into pieces, and gathered again, in arrays that are used again', () => {
  const { buffers, cache } = aCache();
  const vector = floats(1, 2, 3, 4, 5);
  cache.putLeaf(3, 1, vector);
  assert.deepEqual(cache.get({ step: 3, shard: 1, node: 2 })!.values, floats(3, 4, 5));
  assert.equal(buffers.take(5), vector);
  vector.fill(9);
  assert.deepEqual(cache.gather(3, 2), floats(1, 2, 3, 4, 5));
  assert.throws(() => cache.gather(3, 1), /not here/);
});

test('a sum in place takes the left array along and gives the right one back', () => {
  const { buffers, cache } = aCache();
  const [left, right] = [floats(1, 2, 3, 4, 5, 6), floats(10, 20, 30, 40, 50, 60)];
  cache.put(at(0), left);
  cache.put(at(2), right);
  cache.add(at(0), at(2), at(1));
  assert.equal(cache.get(at(1))!.values, left);
  assert.deepEqual(left, floats(11, 22, 33, 44, 55, 66));
  assert.equal(cache.get(at(0)), undefined);
  assert.equal(buffers.take(6), right);
  assert.notEqual(buffers.take(6), left);
});

test('dropped, forgotten and replaced pieces give their arrays back', () => {
  const { buffers, cache } = aCache();
  const [dropped, replaced, old] = [floats(1), floats(2), floats(3)];
  cache.put(at(0), dropped);
  cache.drop(at(0));
  assert.equal(buffers.take(1), dropped);
  cache.put(at(2), replaced);
  cache.put(at(2), floats(4));
  assert.equal(buffers.take(1), replaced);
  cache.put(at(4, 6), old);
  cache.put(at(4, 7), floats(5));
  cache.forget(7);
  assert.equal(buffers.take(1), old);
  assert.equal(cache.get(at(4, 6)), undefined);
  assert.notEqual(cache.get(at(4, 7)), undefined);
});
