import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mergePatch } from './statusPatch.js';

test('only what changes is in a patch, at any depth', () => {
  const before = { state: 'Pending', workers: { replicas: 0, selector: 'a=b' }, attempt: 0 };
  const after = { state: 'Training', workers: { replicas: 4, selector: 'a=b' }, attempt: 0 };
  assert.deepEqual(mergePatch(before, after), { state: 'Training', workers: { replicas: 4 } });
  assert.equal(mergePatch(after, structuredClone(after)), undefined);
});

test('what goes is null, as is what is undefined', () => {
  const before = { runningSince: 'then', workers: { drift: 'image', deaths: 0 }, gone: undefined };
  const after = { runningSince: undefined, workers: { deaths: 0 } };
  assert.deepEqual(mergePatch(before, after), { runningSince: null, workers: { drift: null } });
});

test('a list is replaced whole, and an object comes whole where there was none', () => {
  const before = { conditions: [{ type: 'Ready' }, { type: 'Stalled' }] };
  const after = { conditions: [{ type: 'Ready' }], summary: { model: 'base' } };
  assert.deepEqual(mergePatch(before, after), after);
});
