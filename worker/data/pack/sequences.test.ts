import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bucketFor, defaultBuckets } from '../buckets.js';
import { firstFitDecreasing } from './firstFit.js';
import { supervisedTokens, toSequences } from './sequences.js';

const documents = fc.array(
  fc.array(fc.tuple(fc.nat(1000), fc.nat(1)), { minLength: 2, maxLength: 40 }).map((tokens) => ({
    ids: Int32Array.from(tokens, ([id]) => id),
    supervised: Uint8Array.from(tokens, ([, learned]) => learned),
  })),
  { minLength: 1, maxLength: 60 },
);

describe('packing', () => {
  it('puts each item into one bin, within capacity, as a plain first fit does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 80 }), (sizes) => {
        const bins = firstFitDecreasing(sizes, 20);
        assert.deepEqual(
          bins.flat().sort((a, b) => a - b),
          sizes.map((_, index) => index),
        );
        assert.deepEqual(bins, plainFirstFit(sizes, 20));
      }),
    );
  });

  it('keeps documents apart: own numbers, positions from 0, no label across a border, none lost', () => {
    fc.assert(
      fc.property(documents, fc.boolean(), (list, packing) => {
        const sequences = toSequences(list, { maxTokens: 64, packing });
        for (const { ids, positions, documents: numbers, labels } of sequences) {
          assert.ok(ids.length <= 64);
          for (let at = 0; at < ids.length; at++) {
            const begins = at === 0 || numbers[at] !== numbers[at - 1];
            assert.equal(positions[at], begins ? 0 : positions[at - 1]! + 1);
            assert.equal(numbers[at], at === 0 ? 1 : numbers[at - 1]! + (begins ? 1 : 0));
            const lastOfDocument = numbers[at + 1] !== numbers[at];
            assert.ok(labels[at] === -1 || (!lastOfDocument && labels[at] === ids[at + 1]));
          }
        }
        const learned = sequences.flatMap(({ labels }) => Array.from(labels).filter((label) => label >= 0)).length;
        assert.equal(
          learned,
          list.reduce((sum, document) => sum + supervisedTokens(document), 0),
        );
      }),
    );
  });
});

describe('buckets', () => {
  it('are powers of two from 64, the last holding maxTokens', () => {
    assert.deepEqual(defaultBuckets(512), [64, 128, 256, 512]);
    assert.deepEqual(defaultBuckets(300), [64, 128, 256, 320]);
    assert.deepEqual(defaultBuckets(48), [64]);
    assert.equal(bucketFor(64, defaultBuckets(512)), 64);
    assert.equal(bucketFor(65, defaultBuckets(512)), 128);
    assert.throws(() => bucketFor(513, defaultBuckets(512)), /no bucket holds 513 tokens/);
  });
});

function plainFirstFit(sizes: readonly number[], capacity: number): number[][] {
  const bins: number[][] = [];
  const free: number[] = [];
  const order = sizes.map((_, index) => index).sort((a, b) => sizes[b]! - sizes[a]! || a - b);
  for (const item of order) {
    let bin = free.findIndex((room) => room >= sizes[item]!);
    if (bin < 0) bin = free.push(capacity) - 1;
    free[bin]! -= sizes[item]!;
    bins[bin] = [...(bins[bin] ?? []), item];
  }
  return bins.map((bin) => bin.sort((a, b) => a - b)).sort((a, b) => a[0]! - b[0]!);
}
