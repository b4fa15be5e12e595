import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aWorkerJob, aWorkerPod, aWorld } from '../../test/support/aWorld.js';
import { settle } from './settle.js';

test('the class of the first machines stands in the status and stays there', () => {
  const numerics = { fingerprint: 'f'.repeat(64), machine: 'x64, one processor' };
  const running = { jobs: [aWorkerJob(0)], pods: [aWorkerPod()] };
  const first = settle(aWorld({ ...running, live: { numerics } }), { kind: 'train', attempt: 0 }, []);
  assert.deepEqual(first.numerics, numerics);
  const other = { fingerprint: '0'.repeat(64), machine: 'arm64, another' };
  const later = settle(
    aWorld({ ...running, status: first, live: { numerics: other } }),
    { kind: 'train', attempt: 0 },
    [],
  );
  assert.deepEqual(later.numerics, numerics);
});
