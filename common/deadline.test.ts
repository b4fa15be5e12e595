import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { deadlineOf } from './deadline.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('a deadline comes though garbage is collected meanwhile', async () => {
  const never = new AbortController();
  using deadline = deadlineOf(never.signal, 50);
  const aborted = new Promise<void>((resolve) => deadline.signal.addEventListener('abort', () => resolve()));
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
  }
  await aborted;
  assert.ok(deadline.isOver);
});

test('the given signal comes first, with its own reason, and the deadline is not over', () => {
  const given = new AbortController();
  using deadline = deadlineOf(given.signal, 60_000);
  given.abort('enough');
  assert.deepEqual([deadline.signal.aborted, deadline.signal.reason, deadline.isOver], [true, 'enough', false]);
});
