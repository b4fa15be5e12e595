import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../../common/hash.js';
import { dropoutMask, normal, philox, shuffle, uniform } from './philox.js';

const draw = (counter: readonly [number, number, number, number], key: readonly [number, number]): string[] => {
  const out = new Uint32Array(4);
  philox(...counter, key, out);
  return [...out].map((word) => word.toString(16).padStart(8, '0'));
};

test('Philox4x32-10 gives the known answers of its authors', () => {
  assert.deepEqual(draw([0, 0, 0, 0], [0, 0]), ['6627e8d5', 'e169c58d', 'bc57ac4c', '9b00dbd8']);
  assert.deepEqual(draw([-1, -1, -1, -1], [-1, -1]), ['408f276d', '41c83b0e', 'a20bc7c6', '6d5451fd']);
  assert.deepEqual(draw([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]), [
    'd16cfe09',
    '94fdcceb',
    '5001e420',
    '24126ea1',
  ]);
});

test('a dropout mask is zero at its rate and keeps the mean', () => {
  const mask = dropoutMask(7, 3, 11, 2, [64, 257], 0.1);
  assert.equal(mask.length, 64 * 257);
  assert.deepEqual([...new Set(mask)].sort(), [0, Math.fround(65536 / (65536 - 6554))]);
  const dropped = mask.filter((value) => value === 0).length / mask.length;
  assert.ok(dropped > 0.09 && dropped < 0.11, `${dropped}`);
});

test('a dropout mask differs for every seed, step, sequence and site, and is the same again', () => {
  const arguments_ = [
    [7, 3, 11, 2],
    [8, 3, 11, 2],
    [2 ** 40 + 7, 3, 11, 2],
    [7, 4, 11, 2],
    [7, 3, 12, 2],
    [7, 3, 11, 3],
  ] as const;
  const hashOf = ([seed, step, sequence, site]: readonly [number, number, number, number]) =>
    sha256(new Uint8Array(dropoutMask(seed, step, sequence, site, [100], 0.5).buffer));
  assert.equal(new Set(arguments_.map(hashOf)).size, arguments_.length);
  assert.equal(hashOf(arguments_[0]), hashOf(arguments_[0]));
});

test('rate 0 keeps everything and a rate of 1 is refused', () => {
  assert.deepEqual([...dropoutMask(0, 0, 0, 0, [5], 0)], [1, 1, 1, 1, 1]);
  assert.throws(() => dropoutMask(0, 0, 0, 0, [5], 1), RangeError);
});

test('a shuffle is a permutation, another one for every epoch and seed', () => {
  const order = shuffle(1000, 5, 0);
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    [...Array(1000).keys()],
  );
  assert.notDeepEqual(order, shuffle(1000, 5, 1));
  assert.notDeepEqual(order, shuffle(1000, 6, 0));
  assert.deepEqual(order, shuffle(1000, 5, 0));
  assert.deepEqual([...shuffle(0, 5, 0)], []);
});

test('every element reaches every place about equally often', () => {
  const counts = Array.from({ length: 5 }, () => [0, 0, 0, 0, 0]);
  for (let epoch = 0; epoch < 5000; epoch++)
    for (const [place, element] of shuffle(5, 1, epoch).entries()) counts[element]![place]!++;
  for (const row of counts) for (const count of row) assert.ok(count > 880 && count < 1120, `${count} of 1000`);
});

test('uniform values fill [-limit, limit) and normal values have their deviation', () => {
  const even = uniform(20000, 0.5, 3, 0);
  assert.ok(even.every((value) => value >= -0.5 && value < 0.5));
  const moments = (values: Float32Array) => {
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [mean, Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length)] as const;
  };
  const [evenMean, evenDeviation] = moments(even);
  assert.ok(Math.abs(evenMean) < 0.01 && Math.abs(evenDeviation - 1 / Math.sqrt(12)) < 0.005);
  const [normalMean, normalDeviation] = moments(normal(20000, 0.02, 3, 1));
  assert.ok(Math.abs(normalMean) < 0.0006 && Math.abs(normalDeviation - 0.02) < 0.0005);
});

test('the bits of masks, permutations and initial values are fixed', () => {
  const bytes = (values: Float32Array | Int32Array) => new Uint8Array(values.buffer);
  assert.deepEqual(
    {
      mask: sha256(bytes(dropoutMask(42, 1, 2, 3, [33, 7], 0.25))),
      shuffle: sha256(bytes(shuffle(97, 42, 3))),
      uniform: sha256(bytes(uniform(1001, 0.125, 42, 4))),
      normal: sha256(bytes(normal(1001, 0.125, 42, 4))),
    },
    {
      mask: 'f5475f847a33e57e9a22cd5f6d17cf61513012d87a9e6b41b6dea0845bb6dbac',
      shuffle: '41a6d73de8ecef0605f8f0627b30110ab34c0df857aa00d5bc8b3ec4f66b6006',
      uniform: '1d26a7282bd1fe5de77f7f141aff0f58648c1d42a9237c8577a3f4960084e9bf',
      normal: '0dbd697db5de8157af5e1983cb7d296c59a9b7b58a5fbcaafe9dbdd39e13c509',
    },
  );
});
