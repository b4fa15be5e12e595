import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../common/log.js';
import type { KubeClient } from './client.js';
import { createEventRecorder } from './eventRecorder.js';
import type { FineTuneJobObject } from './objects.js';

const never = new AbortController().signal;
const job = { metadata: { namespace: 'team', name: 'j', uid: 'u1', resourceVersion: '1' } } as FineTuneJobObject;

/** An API server that only takes note of what is written, and a clock that the test moves. */
function setup(answers: 'takes' | 'refuses' = 'takes') {
  const written: string[] = [];
  const write = async (what: string) => {
    written.push(what);
    if (answers === 'refuses') throw new Error('the API server is away');
  };
  let nowMs = Date.parse('2026-01-01T00:00:00Z');
  const client = {
    create: (_: unknown, event: { reason?: string }) => write(`new ${event.reason}`),
    merge: (_: unknown, __: unknown, patch: { count?: number }) => write(`count ${patch.count}`),
  } as unknown as KubeClient;
  const clock = {
    now: () => nowMs,
    monotonic: () => nowMs,
    // Time passes when somebody waits; a test's signal ends it.
    sleep: async (delayMs: number) => {
      nowMs += delayMs;
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
  const recorder = createEventRecorder({ client, clock, log: silentLogger, onRecorded: () => {} });
  return { recorder, written, pass: (ms: number) => clock.sleep(ms) };
}
const saved = (step: number) => ({ type: 'Normal', reason: 'CheckpointSaved', message: `step ${step}` }) as const;

test('a thousand of one kind are one Event with a count, written at most twice a minute', async () => {
  const { recorder, written, pass } = setup();
  for (let step = 0; step < 1000; step++) {
    await recorder.record(job, saved(step), never);
    await pass(100);
  }
  assert.deepEqual(written, ['new CheckpointSaved', 'count 301', 'count 601', 'count 901']);
  const [only, ...others] = recorder.eventsOf('u1');
  assert.deepEqual([only?.count, only?.message, others.length], [1000, 'step 999', 0]);
});

test('what came after the last write is written by the loop', async () => {
  const { recorder, written } = setup();
  const stop = new AbortController();
  await recorder.record(job, saved(0), never);
  await recorder.record(job, saved(1), never);
  const running = recorder.run(stop.signal);
  while (written.length < 2) await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await running;
  assert.deepEqual(written, ['new CheckpointSaved', 'count 2']);
});

test('another reason, and the same one much later, are Events of their own', async () => {
  const { recorder, written, pass } = setup();
  await recorder.record(job, saved(0), never);
  await recorder.record(job, { ...saved(0), reason: 'EvalComplete' }, never);
  await pass(600_001);
  await recorder.record(job, saved(9), never);
  assert.deepEqual(written, ['new CheckpointSaved', 'new EvalComplete', 'new CheckpointSaved']);
});

test('a write that fails ends nothing, and the status service knows the event all the same', async () => {
  const { recorder } = setup('refuses');
  await recorder.record(job, saved(0), never);
  assert.equal(recorder.eventsOf('u1').length, 1);
  recorder.forget('u1');
  assert.equal(recorder.eventsOf('u1').length, 0);
});
