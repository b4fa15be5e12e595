import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FineTuneJobStatus } from '../../api/sections/status.js';
import { mayWait, Patience } from './patience.js';

test('a count is written after five seconds, what waits for a crowd after a minute, from when it began to wait', () => {
  const patience = new Patience();
  const left = (why: 'count' | 'crowd') => [0, 3000, 5000, 60_000].map((nowMs) => patience.leftMs(why, nowMs, why));
  assert.deepEqual([left('count'), left('crowd')], [[5000, 2000, 0, 0], [60_000, 57_000, 55_000, 0]]); // biome-ignore format: one thought
});

test('after a write the next one waits anew, each job for itself', () => {
  const patience = new Patience();
  for (const uid of ['a', 'b']) patience.leftMs(uid, 0, 'count');
  patience.written('a');
  assert.deepEqual([patience.leftMs('a', 4000, 'count'), patience.leftMs('b', 4000, 'count')], [5000, 1000]);
});

test('it is crowded while more than eight jobs wait for their first pods, none of them for long', () => {
  const patience = new Patience();
  const note = (count: number, isStarting: boolean, nowMs: number) => {
    for (let i = 0; i < count; i++) patience.note(`job-${i}`, isStarting, nowMs);
  };
  note(8, true, 0);
  assert.equal(patience.isCrowded(0), false);
  patience.note('late', true, 10_000);
  assert.equal(patience.isCrowded(10_000), true);
  // Who is looked at again waits no less long for that.
  note(8, true, 20_000);
  assert.equal(patience.isCrowded(29_999), true);
  assert.equal(patience.isCrowded(30_000), false, 'those wait for something else');
  note(8, false, 30_000);
  note(8, true, 31_000);
  assert.equal(patience.isCrowded(31_000), true);
  patience.leftMs('late', 31_000, 'crowd');
  assert.deepEqual([patience.isHeld('late'), patience.isHeld('job-1')], [true, false]);
  patience.forget('late');
  assert.deepEqual([patience.isHeld('late'), patience.isCrowded(31_000)], [false, false]);
});

const statusOf = (reason: string, more: FineTuneJobStatus = {}): FineTuneJobStatus => ({
  ...more,
  conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: '2026-01-01T00:00:00Z', reason, message: '' }],
});
const patch = { state: 'Training', conditions: [], workers: { replicas: 3, ready: 0 }, summary: {} };

test('how many pods there are waits always; that a job starts as it should waits in a crowd', () => {
  const counted = { workers: { replicas: 2 } };
  const asked = (reason: string, more: FineTuneJobStatus = {}, what: object = patch) =>
    [false, true].map((isCrowded) => mayWait({ ...what }, statusOf(reason, more), isCrowded));
  assert.deepEqual(asked('Unschedulable', {}, counted), ['count', 'count']);
  for (const reason of ['PreflightStarting', 'Preparing', 'WorkersStarting', 'Training'])
    assert.deepEqual(asked(reason), [undefined, 'crowd'], reason);
});

test('a wait, an end, another attempt and what decisions are made from are written at once', () => {
  const asked = (reason: string, more: FineTuneJobStatus = {}, what: object = patch) =>
    mayWait({ ...what }, statusOf(reason, more), true);
  for (const reason of ['Unschedulable', 'BelowMinReplicas', 'Published', 'WorkersCrashing', 'Suspended'])
    assert.equal(asked(reason), undefined, reason);
  assert.equal(asked('Training', { attempt: 1 }), undefined);
  for (const field of ['recipeHash', 'numerics', 'completionTime', 'artifact'])
    assert.equal(asked('Training', {}, { ...patch, [field]: 'x' }), undefined, field);
  assert.equal(mayWait({ ...patch }, {}, true), undefined, 'nothing is known of the status');
});
