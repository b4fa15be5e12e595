import { test } from 'node:test';
import { checkSchedules } from '../test/support/schedule.js';

test('thousands of schedules of visible faults: nobody ever has to give up waiting', () => {
  checkSchedules({ runs: 4400, faults: 'visible' });
});
