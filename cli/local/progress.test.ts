import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';
import { createProgress } from './progress.js';

const step = (number: number, more: object = {}): WorkerEvent =>
  ({ step: { step: number, loss: 2, stepMs: 500, tokensPerSecond: 100, members: 2, ...more } }) as WorkerEvent;

test('each step is told once, whoever tells it first', () => {
  const progress = createProgress(2, 10);
  progress.memory(7);
  const told = [step(0), step(0), step(1), step(0)].map((event) => progress.take(event));
  assert.deepEqual(
    told.map((event) => event && 'step' in event && event.step),
    [1, undefined, 2, undefined],
  );
  assert.deepEqual(told[2], {
    event: 'progress',
    step: 2,
    steps: 10,
    loss: 2,
    tokensPerSecond: 100,
    etaSeconds: 4,
    rssBytes: 7,
    workers: 2,
  });
});

test('a first step that took long, and one that evaluates, do not stretch the rest', () => {
  const progress = createProgress(1, 10);
  const times = [9000, 500, 500, 9000, 500];
  const told = times.map((stepMs, index) => progress.take(step(index, { stepMs })));
  assert.deepEqual(
    told.map((event) => event && 'etaSeconds' in event && event.etaSeconds),
    [null, 4, 3.5, 3, 2.5],
  );
});

test('a step whose loss is not finite has none, and the publication is told once', () => {
  const progress = createProgress(1, 1);
  assert.equal((progress.take(step(0, { loss: Number.NaN })) as { loss: unknown }).loss, null);
  const publishing = { phase: { phase: 'publishing' } } as WorkerEvent;
  assert.deepEqual(
    [progress.take(publishing), progress.take(publishing)],
    [{ event: 'phase', phase: 'publish', state: 'started' }, undefined],
  );
});
