import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aJob } from '../../test/support/aJob.js';
import { workerRoom } from './workerRoom.js';

const limits = { ESPALIER_WORKER_CPUS: '2.5', ESPALIER_WORKER_MEMORY: '2Gi' };

test('a worker has the engines of its CPUs and the smaller of limit and budget', () => {
  assert.deepEqual(workerRoom(aJob({}), limits), { engines: 2, memoryBytes: 2 ** 31 });
  const own = aJob({ workers: { engines: 3, memoryBudget: '1Gi' } });
  assert.deepEqual(workerRoom(own, limits), { engines: 3, memoryBytes: 2 ** 30 });
});

test('without a limit nothing is known of its memory, and one engine is the least', () => {
  assert.deepEqual(workerRoom(aJob({}), {}), { engines: 1, memoryBytes: undefined });
  assert.deepEqual(workerRoom(aJob({}), { ESPALIER_WORKER_CPUS: '', ESPALIER_WORKER_MEMORY: '' }).engines, 1);
});
