import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JobMessage } from '../../controller/query/jobs.js';
import { statusLines } from './present.js';

test('a status is told in the order in which people ask: state, progress, checkpoint, workers, data, settings, artifact, cost, events', () => {
  const job: JobMessage = {
    namespace: 'team',
    name: 'j',
    state: 'Training',
    reason: 'Training',
    message: 'steps are committed',
    progress: {
      step: 3,
      steps: 40,
      last: { step: 2, loss: 3.8, evaluationLoss: 3.9, learningRate: 2e-4, gradientNorm: 1.5, tokensPerSecond: 250 },
      remainingSeconds: 37,
    },
    best: { step: 2, evaluationLoss: 3.9 },
    checkpoints: [{ step: 2, url: 's3://c' }],
    workers: [
      {
        id: 'j-0-0',
        node: 'n1',
        joined: true,
        heardMs: 1_700_000_000_000,
        computeMs: 700,
        waitMs: 300,
        peakRssBytes: 2 ** 30,
      },
      { id: 'j-0-1', node: '', joined: false },
    ],
    restarts: 1,
    attempt: 2,
    data: {
      rows: 9,
      used: 8,
      tokens: 96,
      supervisedTokens: 40,
      truncatedPercent: 1.5,
      evaluationRows: 2,
      dropped: [{ reason: 'no text', rows: 1, example: 't.jsonl:3' }],
    },
    resolved: { settings: ['lora.rank=4', 'training.seed=0 (default)'] },
    artifacts: [{ kind: 'adapter', url: 's3://a/', sha256: 'ff' }],
    cost: { total: '0.05 CPU-h', estimate: '0.20 CPU-h' },
    events: [{ timeMs: 1_700_000_000_000, reason: 'CheckpointSaved', message: 'step 2', count: 2 }],
    recipeHash: 'ab',
  };
  assert.deepEqual(statusLines(job), [
    'Training  Training: steps are committed',
    'step 3/40  loss 3.800  eval 3.900  250 tok/s  lr 0.000200  gradient norm 1.50  ETA 37 s',
    'best evaluation 3.900 at step 2',
    'checkpoint step 2 s3://c',
    'worker j-0-0 on n1, computes 70 % of its time, 1.0 GiB, heard at 2023-11-14T22:13:20.000Z',
    'worker j-0-1, not joined',
    '1 workers died so far, attempt 2',
    'data 8 of 9 rows used, 96 tokens (40 learned), 1.5 % truncated, 2 rows held out',
    'left out 1 rows: no text (t.jsonl:3)',
    'settings lora.rank=4, training.seed=0 (default)',
    'artifact adapter s3://a/ sha256:ff',
    'cost 0.05 CPU-h so far, about 0.20 CPU-h in all',
    'event 2023-11-14T22:13:20.000Z CheckpointSaved: step 2 (2 times)',
    'recipe ab',
  ]);
});
