import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { play, schedule, verdict } from '../test/support/schedule.js';

test('whatever fails, every commit has the bits of one process alone, and training ends once faults stop', () => {
  fc.assert(
    fc.property(schedule, (plan) => {
      assert.deepEqual(verdict(play(plan)), { problems: [], unfinished: [] });
    }),
    { numRuns: 300 },
  );
});
