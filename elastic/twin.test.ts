import { test } from 'node:test';
import { checkSchedules } from '../test/support/schedule.js';

// A first look; `twin.integration.test.ts` plays thousands.
test('whatever fails, every commit has the bits of one process alone, and training ends once faults stop', () => {
  checkSchedules({ runs: 40, faults: 'all' });
});

test('while connections hold or break visibly, nobody ever has to give up waiting', () => {
  checkSchedules({ runs: 20, faults: 'visible' });
});
