import { test } from 'node:test';
import { checkSchedules } from '../test/support/schedule.js';

test('thousands of schedules: the bits of one process alone, and an end once faults stop', () => {
  checkSchedules({ runs: 2500, faults: 'all' });
});

test('a thousand schedules of visible faults: nobody ever has to give up waiting', () => {
  checkSchedules({ runs: 1000, faults: 'visible' });
});
