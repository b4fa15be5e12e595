import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { CampaignResult } from './campaign.js';
import { faults, localFaults } from './local/faults/faults.js';
import { localGround } from './local/localPlace.js';
import { nameOf } from './place.js';
import { plannedRuns } from './plan.js';

const main = fileURLToPath(new URL('main.js', import.meta.url));

test('one fault of each kind, and the adapter is the undisturbed one', async () => {
  const argv = ['--enable-source-maps', main, '--one-of-each', '--json'];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const code = new Promise((resolve) => child.once('close', resolve));
  const last = (await text(child.stdout)).trimEnd().split('\n').at(-1)!;
  const result = JSON.parse(last) as CampaignResult & { readonly event: string };
  assert.deepEqual(result.failedRuns, []);
  assert.equal(result.event, 'result');
  assert.equal(result.sameSha256, true);
  assert.ok(result.redoneStepsMax <= 1, `${result.redoneStepsMax} steps were redone`);
  assert.deepEqual(
    Object.entries(result.kinds).map(([kind, { faults: count }]) => [kind, count]),
    Object.keys(faults)
      .sort()
      .map((kind) => [kind, 1]),
  );
  assert.equal(await code, 0);
});

test('two hundred faults meet every case of every kind, whatever the seed', () => {
  for (const seed of [1, 2, 3]) {
    const planned = plannedRuns({ seed, faults: 200 }, localGround(80)).flatMap((run) => run.faults);
    assert.equal(planned.length, 200);
    assert.deepEqual(new Set(planned.map(nameOf)), new Set(localFaults.all.map(nameOf)));
  }
});
