import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Patience } from './patience.js';

test('what waits is written after five seconds, counted from when it began to wait', () => {
  const patience = new Patience();
  assert.deepEqual(
    [0, 3000, 5000, 9000].map((nowMs) => patience.leftMs('a', nowMs)),
    [5000, 2000, 0, 0],
  );
});

test('after a write the next one waits anew, each job for itself', () => {
  const patience = new Patience();
  patience.leftMs('a', 0);
  patience.leftMs('b', 0);
  patience.forget('a');
  assert.deepEqual([patience.leftMs('a', 4000), patience.leftMs('b', 4000)], [5000, 1000]);
});
