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

test('while connections hold or break visibly, nobody ever has to give up waiting', () => {
  const gentle = schedule.map((plan) => ({
    ...plan,
    faults: plan.faults.filter(({ kind }) => ['crash', 'slow', 'join', 'leave', 'pause'].includes(kind)),
  }));
  fc.assert(
    fc.property(gentle, (plan) => {
      const world = play(plan);
      assert.deepEqual({ ...verdict(world), stalls: world.stalls }, { problems: [], unfinished: [], stalls: 0 });
    }),
    { numRuns: 200 },
  );
});
