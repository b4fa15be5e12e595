import { test } from 'node:test';
import { checkSchedules } from '../test/support/schedule.js';

// `twinVisible.integration.test.ts` plays the rest of the ten thousand, beside this file on the second core, and the unit
// tests the first sixty.
test('thousands of schedules: the bits of one process alone, and an end once faults stop', () => {
  checkSchedules({ runs: 5550, faults: 'all' });
});
