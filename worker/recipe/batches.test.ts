import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aSequence } from '../../test/support/aSpec.js';
import { leavesOf } from './batches.js';
import { chooseBuckets } from './buckets.js';
import { microBatch } from './microBatch.js';
import { cutShards } from './shards.js';
import { decodeTokens, encodeTokens, supervisedIn } from './tokens.js';

const lengths = (...values: number[]) => values.map((length, index) => ({ index, length, supervised: 1 }));

test('sequences of one bucket fill micro-batches, longest bucket first, and a short rest rides in empty rows', () => {
  const leaves = leavesOf(lengths(10, 60, 12, 14, 61, 62), { buckets: [32, 64], rows: 2 });
  assert.deepEqual(leaves, [
    { shape: 1, sequences: [1, 4], supervised: 2 },
    { shape: 1, sequences: [5, 3], supervised: 2 },
    { shape: 0, sequences: [0, 2], supervised: 2 },
  ]);
});

test('left-over sequences that do not fit into empty rows keep a micro-batch of their own', () => {
  const leaves = leavesOf(lengths(10, 11, 60, 61), { buckets: [32, 64], rows: 3 });
  assert.deepEqual(leaves, [
    { shape: 1, sequences: [2, 3, -1], supervised: 2 },
    { shape: 0, sequences: [0, 1, -1], supervised: 2 },
  ]);
});

test('buckets pad little, are few, and take the longest sequence', () => {
  assert.deepEqual(chooseBuckets([46, 50, 56]), [56]);
  assert.deepEqual(chooseBuckets([...Array(100).fill(60), ...Array(100).fill(500)]), [64, 504]);
  assert.deepEqual(chooseBuckets([...Array(99).fill(500), 20]), [504]);
  assert.equal(chooseBuckets(Array.from({ length: 500 }, (_, index) => index + 1)).length, 3);
});

test('tokens.bin holds every sequence and gives it back', () => {
  const sequences = [aSequence(5), aSequence(1), aSequence(9, { supervised: 3 })];
  assert.deepEqual(decodeTokens(encodeTokens(sequences)), sequences);
  assert.deepEqual(decodeTokens(Buffer.from(encodeTokens(sequences))), sequences);
  assert.deepEqual(decodeTokens(encodeTokens([])), []);
  assert.deepEqual(sequences.map(supervisedIn), [4, 0, 3]);
});

test('a tokens.bin that is cut, longer or foreign is refused', () => {
  const bytes = encodeTokens([aSequence(5), aSequence(7)]);
  for (const damaged of [
    bytes.subarray(0, bytes.length - 4),
    new Uint8Array([...bytes, 0, 0, 0, 0]),
    bytes.subarray(4),
    new Uint8Array(3),
  ])
    assert.throws(() => decodeTokens(damaged), { name: 'TokensCorrupt' });
});

test('padding is a document of its own with positions from 0, no label and no weight', () => {
  const tokens = [aSequence(3, { supervised: 1 })];
  const leaf = { shape: 0, sequences: [0, -1], supervised: 1 };
  const { ids, positions, documents, labels, weights, sequences, step } = microBatch(
    { shapes: [{ rows: 2, tokens: 5 }] },
    tokens,
    leaf,
    7,
  );
  const [a, b, c] = tokens[0]!.ids;
  assert.deepEqual([...ids], [a, b, c, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([...positions], [0, 1, 2, 0, 1, 0, 1, 2, 3, 4]);
  assert.deepEqual([...documents], [1, 1, 1, 2, 2, 1, 1, 1, 1, 1]);
  assert.deepEqual([...labels], [-1, c, -1, -1, -1, -1, -1, -1, -1, -1]);
  assert.deepEqual([...weights], [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  assert.deepEqual([sequences, step], [[0, -1], 7]);
});

test('there is one shard for a small vector and never more than 16', () => {
  assert.deepEqual(cutShards({ length: 48 }), [[0, 48]]);
  assert.equal(cutShards({ length: 16 * 1024 * 1024 }).length, 16);
});
