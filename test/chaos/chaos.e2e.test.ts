import assert from 'node:assert/strict';
import { test } from 'node:test';
import { campaign } from './campaign.js';

test('one fault of each kind, and the adapter is the undisturbed one', { timeout: 300_000 }, async () => {
  const result = await campaign({
    seed: 1,
    faults: 0,
    steps: 16,
    script: [
      { storage: 's3', kinds: ['killWorker', 'storeAnswers', 'jumpClock', 'killLauncher'] },
      { storage: 'disk', kinds: ['fullDisk', 'cutOneWay', 'breakConnections', 'pauseWorker'] },
    ],
    onRun: () => {},
  });
  assert.deepEqual(result.failedRuns, []);
  assert.equal(result.sameSha256, true);
  assert.ok(result.redoneStepsMax <= 1, `${result.redoneStepsMax} steps were redone`);
  // Where no small disk can be mounted its whole run is left out, and the result says so.
  assert.equal(result.faults, result.notRun.length > 0 ? 4 : 8);
});
