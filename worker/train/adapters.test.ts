import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAdapters } from './adapters.js';

test('all who ask at one step share a copy that later steps do not change', () => {
  const master = Float32Array.of(1, 2);
  const adapters = createAdapters(master);
  using first = adapters.at(0);
  using second = adapters.at(0);
  assert.equal(first.values, second.values);
  assert.ok(first.values.buffer instanceof SharedArrayBuffer);
  master[0] = 5;
  using later = adapters.at(1);
  assert.deepEqual([...first.values], [1, 2]);
  assert.deepEqual([...later.values], [5, 2]);
});

test('a copy that nobody uses any more takes the next one', () => {
  const adapters = createAdapters(Float32Array.of(1, 2));
  const seen = new Set<Float32Array>();
  for (let step = 0; step < 10; step++) {
    using adapter = adapters.at(step);
    seen.add(adapter.values);
  }
  assert.equal(seen.size, 1);
});

test('after another state was taken the same step has another vector', () => {
  const master = Float32Array.of(1, 2);
  const adapters = createAdapters(master);
  using before = adapters.at(3);
  master[1] = 7;
  adapters.renew();
  using after = adapters.at(3);
  assert.deepEqual([...before.values], [1, 2]);
  assert.deepEqual([...after.values], [1, 7]);
});
