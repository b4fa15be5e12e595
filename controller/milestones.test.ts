import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aStep } from '../test/support/aJobResource.js';
import { Milestones } from './milestones.js';

const told = (milestones: Milestones, event: object, status = {}) =>
  milestones.of('u', status, event as never).map(({ reason, message }) => `${reason}: ${message}`);

test('checkpoints, evaluations, epochs and the upload are told once, whichever worker says it first', () => {
  const milestones = new Milestones();
  const status = { resolved: { stepsPerEpoch: 20 } };
  const events: readonly object[] = [
    aStep(18),
    aStep(19),
    { checkpoint: { step: 20, url: 's3://c' } },
    { evaluation: { step: 19, loss: 2.5, generalLoss: 0 } },
    { evaluation: { step: 29, loss: 2.75, generalLoss: 0 } },
    aStep(39),
    { phase: { phase: 'publishing', detail: '' } },
  ];
  assert.deepEqual(
    [...events, ...events].flatMap((event) => told(milestones, event, status)),
    [
      'EpochComplete: epoch 1 of 2 at step 20, loss 2.1000',
      'CheckpointSaved: step 20 in s3://c',
      'EvalComplete: loss 2.5000 at step 19, the best so far',
      'EvalComplete: loss 2.7500 at step 29',
      'EpochComplete: epoch 2 of 2 at step 40, loss 0.1000',
      'Uploading: the adapter is exported and published',
    ],
  );
});

test('a new controller does not tell what the status says was told', () => {
  const status = { progress: { step: 30 }, lastCheckpoint: { step: 20, time: '' }, resolved: { stepsPerEpoch: 10 } };
  const milestones = new Milestones();
  for (const event of [aStep(9), aStep(29), { checkpoint: { step: 20, url: '' } }])
    assert.deepEqual(told(milestones, event, status), []);
  assert.deepEqual(told(milestones, { checkpoint: { step: 40, url: 's' } }, status), ['CheckpointSaved: step 40 in s']);
});
