import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accrue, costOf, cpusOf } from './workerTime.js';

test('each worker counts from its start to its end, however often one looks', () => {
  const spans = [{ startedAtMs: 10_000 }, { startedAtMs: 12_000, endedAtMs: 15_000 }];
  let time = { seconds: 0, atMs: 0 };
  for (const nowMs of [11_000, 11_500, 14_000, 20_000]) time = accrue(time, spans, nowMs);
  assert.deepEqual(time, { seconds: 13, atMs: 20_000 });
});

test('the next controller goes on where the status stands, with the time in between', () => {
  const before = accrue({ seconds: 0, atMs: 0 }, [{ startedAtMs: 0 }], 30_000);
  assert.equal(accrue(before, [{ startedAtMs: 0 }], 90_000).seconds, 90);
});

test('a clock that goes back takes nothing away and counts nothing twice', () => {
  const spans = [{ startedAtMs: 0 }];
  const later = accrue({ seconds: 0, atMs: 0 }, spans, 10_000);
  assert.deepEqual(accrue(accrue(later, spans, 5000), spans, 12_000), { seconds: 12, atMs: 12_000 });
});

test('hours are of GPUs where there are GPUs, else of CPUs; the estimate is in the same unit', () => {
  const time = { seconds: 1800, atMs: Date.parse('2026-01-01T00:00:00Z') };
  assert.deepEqual(costOf(time, { workerSeconds: 3600, atStep: 3 }, { cpus: 4, gpus: 2 }), {
    workerSeconds: 1800,
    time: '2026-01-01T00:00:00Z',
    total: '1.00 GPU-h',
    estimatedWorkerSeconds: 3600,
    estimatedAtStep: 3,
    estimate: '2.00 GPU-h',
  });
  assert.equal(costOf(time, undefined, { cpus: 0.5, gpus: 0 }).total, '0.25 CPU-h');
  assert.deepEqual(['2', '500m', '1.5', '4Gi'].map(cpusOf), [2, 0.5, 1.5, 0]);
});
