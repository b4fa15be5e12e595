import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Kills } from './kills.js';

test('what a kill adds is the time to the next commit less an undisturbed step', () => {
  const kills = new Kills({ count: 1, calmSteps: 3 });
  const due = [0, 1, 2, 3].map((step) => kills.committed(step, 100 * step, true));
  assert.deepEqual(due, [false, false, false, true]);
  kills.killed(350);
  assert.equal(kills.committed(3, 380, true), false);
  assert.equal(kills.committed(4, 1350, false), false);
  assert.equal(kills.done, true);
  assert.deepEqual(kills.recovered(), { stepMs: 100, addedMs: [900] });
});
