import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../common/log.js';
import { aClock } from '../test/support/aClock.js';
import { manifestKey } from './artifacts/manifest.js';
import { createPublicationWatch } from './publicationWatch.js';
import { withFaults } from './store/faults.js';
import { createMemoryStore } from './store/memory.js';

const recipeHash = 'a'.repeat(64);

function aWatch(broken = false) {
  const inner = createMemoryStore();
  const looks: string[] = [];
  const store = withFaults(inner, ({ key }) => {
    looks.push(key);
    return broken ? { when: 'before', error: new Error('the store is away') } : undefined;
  });
  const clock = aClock();
  let told = 0;
  const { signal } = new AbortController();
  const onFound = () => {
    told++;
  };
  const watch = createPublicationWatch({ store, recipeHash, clock, log: silentLogger, signal, onFound });
  const publish = () => inner.write(manifestKey(recipeHash), Buffer.from('{}'));
  return { watch, clock, publish, looks, told: () => told };
}

test('who has just begun looks once, whoever computes at the same time waits for the same look', async () => {
  const { watch, looks } = aWatch();
  await Promise.all([watch.beforeLeaf(), watch.beforeLeaf()]);
  await watch.beforeLeaf();
  assert.deepEqual([watch.found, looks.length], [false, 1]);
});

test('a step that ends right after a standstill does not hide it', async () => {
  const { watch, clock, publish, looks } = aWatch();
  await watch.beforeLeaf();
  await publish();
  clock.advance(11_000);
  watch.moved();
  await watch.beforeLeaf();
  assert.deepEqual([watch.found, looks.length], [true, 2]);
});

test('who goes forward never looks again; who stood still finds what the others published meanwhile', async () => {
  const { watch, clock, publish, looks, told } = aWatch();
  await watch.beforeLeaf();
  for (let step = 0; step < 5; step++) {
    watch.moved();
    clock.advance(1000);
    await watch.beforeLeaf();
  }
  assert.equal(looks.length, 1);
  await publish();
  clock.advance(11_000);
  await watch.beforeLeaf();
  assert.deepEqual([watch.found, looks.length, told()], [true, 2, 1]);
});

test('a store that cannot be reached stops nobody, and is asked again after the next standstill', async () => {
  const { watch, clock, looks } = aWatch(true);
  await watch.beforeLeaf();
  clock.advance(1000);
  await watch.beforeLeaf();
  assert.deepEqual([watch.found, looks.length], [false, 1]);
  clock.advance(1000);
  await watch.beforeLeaf();
  assert.equal(looks.length, 2);
});
