import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type FineTuneJobStatus, status as schema } from '../../api/sections/status.js';
import { aDataReport } from '../../test/support/aDataReport.js';
import { aboutLines, type WorkerLine } from './about.js';

const training: FineTuneJobStatus = {
  state: 'Training',
  conditions: [
    {
      type: 'Ready',
      status: 'False',
      lastTransitionTime: '2026-01-01T00:00:00Z',
      reason: 'Training',
      message: 'steps are committed',
    },
  ],
  progress: { step: 3, steps: 40, loss: 3.8, evalLoss: 3.9, tokensPerSecond: 250.4, etaSeconds: 37 },
  lastCheckpoint: { step: 2, time: '2026-01-01T00:00:05Z' },
  workers: { ready: 2, view: 4 },
  data: aDataReport,
  resolved: { settings: ['lora.rank=16', 'training.seed=0 (default)'] },
  cost: { workerSeconds: 90, estimatedAtStep: 3, total: '0.05 CPU-h', estimate: '0.20 CPU-h' },
  artifact: 's3://models/a/',
  adapterSha256: 'ab'.repeat(32),
  summary: { best: '3.900@2', eta: '37s', workers: '2/3', restarts: '1' },
};
const worker = (index: number): WorkerLine => ({
  uid: `u${index}`,
  name: `j-0-${index}`,
  node: index === 0 ? 'node-1' : '',
  isJoined: index === 0,
  heardAtMs: index === 0 ? 1_767_225_604_000 : undefined,
});

test('what describe shows first comes in the order in which people ask', () => {
  assert.deepEqual(aboutLines(training, [worker(0), worker(1)]), [
    'State: Training: steps are committed',
    'Progress: step 3 of 40 (7 %), loss 3.8000, evaluation 3.9000, best 3.900@2, 250 tokens/s, about 37s left',
    'Last checkpoint: step 2 at 2026-01-01T00:00:05Z',
    'Workers: 2/3 train, view 4, 1 deaths in all',
    'Worker j-0-0: on node-1, trains, heard at 2026-01-01T00:00:04Z',
    'Worker j-0-1: no node yet, not joined',
    'Data: 64 of 66 rows used, 3072 tokens (1010 learned), 1.6 % truncated, 8 rows held out',
    'Left out: 2 rows: no text (train.jsonl:17)',
    'Settings: lora.rank=16, training.seed=0 (default)',
    `Artifact: s3://models/a/ adapter sha256 ${'ab'.repeat(32)}`,
    'Cost: 0.05 CPU-h so far, about 0.20 CPU-h in all (estimated after step 3)',
  ]);
});

test('a state that somebody can end says how', () => {
  const condition = training.conditions![0]!;
  const waiting = (reason: string, state: 'Pending' | 'Suspended' = 'Pending') =>
    aboutLines({ state, conditions: [{ ...condition, reason, message: 'as told' }] }, [])[0];
  assert.equal(waiting('Unschedulable'), 'State: Pending: Unschedulable, as told. Next: add nodes that fit, or make another job that asks for less in workers.resources'); // biome-ignore format: one thought
  assert.equal(waiting('Suspended', 'Suspended'), 'State: Suspended: as told. Next: set spec.suspend to false');
});

test('the largest status stays below 32 KiB, and the schema takes it', () => {
  const long = (most: number) => 'x'.repeat(most);
  const big: FineTuneJobStatus = {
    ...training,
    conditions: Array.from({ length: 7 }, (_, i) => ({
      ...training.conditions![0]!,
      type: `T${i}`,
      message: long(1024),
    })),
    data: {
      ...training.data!,
      dropped: Array.from({ length: 8 }, () => ({ reason: long(160), rows: 9, example: long(160) })),
    },
    resolved: { settings: Array.from({ length: 64 }, () => long(128)) },
    artifact: long(2048),
  };
  const workers = Array.from({ length: 1024 }, (_, i) => ({ ...worker(i), name: long(63), node: long(253) }));
  const whole = schema.parse({ ...big, about: aboutLines(big, workers) });
  assert.ok(
    whole.about!.length <= 32 && whole.about!.includes('and 1016 more workers: espalier status NAME shows them all'),
  );
  assert.ok(Buffer.byteLength(JSON.stringify(whole)) <= 32 * 1024);
});
