import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fail } from '../../api/errors.js';
import { packageRoot } from '../../common/root.js';
import type { PodAttestor } from '../../controller/query/identityService.js';
import { JobIndex } from '../../controller/query/jobIndex.js';
import { pathsFor } from '../cluster/paths.js';
import { ensureGoTool } from '../cluster/tools.js';
import { aDataReport } from '../support/aDataReport.js';
import { accessOf, aJobResource, aStep } from '../support/aJobResource.js';
import { aStatusServer } from '../support/aStatusServer.js';
import { masked, replay, shell } from './transcript.js';

/** What its preflight has found, and what it took so far. */
const data = aDataReport;
const resolved = {
  baseSha256: 'ba5e'.padEnd(64, '0'),
  baseRevision: 'main',
  storedAs: 'BF16',
  parameters: 134_515_008,
  trainableParameters: 4_884_480,
  stepsPerEpoch: 10,
  trainedTokens: 12_288,
  settings: ['method=lora', 'lora.rank=16', 'training.seed=0 (default)'],
};
const cost = {
  workerSeconds: 90,
  estimatedWorkerSeconds: 360,
  estimatedAtStep: 3,
  total: '0.05 CPU-h',
  estimate: '0.20 CPU-h',
};

/** The jobs that the page shows: one that has trained and one that waits. */
function jobsOfThePage(): JobIndex {
  const index = new JobIndex('k3v9');
  const lastTransitionTime = '2026-01-01T00:00:00Z';
  const found = (type: string, status: 'True' | 'False', reason: string, message: string) => ({
    type,
    status,
    reason,
    message,
    lastTransitionTime,
  });
  const key = { namespace: 'team', name: 'workplace' };
  const recipeHash = 'c0ffee'.padEnd(64, '0');
  const conditions = [found('Ready', 'True', 'Training', 'step 3 of 40')];
  index.put(aJobResource('workplace', { status: { state: 'Training', recipeHash, conditions, data, resolved, cost } }));
  index.setWorkers(key, [
    { uid: 'u0', id: 'workplace-1-0', node: 'node-1', joined: true },
    { uid: 'u1', id: 'workplace-1-1', node: 'node-2', joined: true },
  ]);
  for (const step of [0, 1, 2]) index.observe(key, 'u0', aStep(step));
  index.observe(key, 'u1', {
    timeMs: 1_700_000_004_000,
    evaluation: { step: 2, loss: 3.9, generalLoss: 0 },
  } as never);
  index.observe(key, 'u0', {
    timeMs: 1_700_000_004_000,
    checkpoint: { step: 2, url: 's3://models/workplace/checkpoints/2' },
  } as never);
  index.setEvents(key, [
    {
      timeMs: 1_700_000_001_000,
      firstMs: 1_700_000_001_000,
      type: 'Normal',
      reason: 'TrainingStarted',
      message: '2 workers, 40 steps',
      count: 1,
    },
  ]);
  const waiting = [found('Ready', 'False', 'Unschedulable', '0/2 nodes have a free nvidia.com/gpu')];
  index.put(aJobResource('summaries', { status: { state: 'Pending', conditions: waiting } }));
  index.put(aJobResource('hidden', { namespace: 'secret' }));
  return index;
}

test('every command of docs/grpc.md prints what the page says; UPDATE=1 writes what it prints now', async () => {
  const grpcurl = await ensureGoTool(
    pathsFor(process.env).tools,
    'github.com/fullstorydev/grpcurl/cmd/grpcurl',
    'v1.9.4',
    () => {},
  );
  const folder = await mkdtemp(join(tmpdir(), 'espalier-grpc-'));
  const index = jobsOfThePage();
  // Pods' certificates are served beside the status, as in a cluster.
  const attestor: PodAttestor = { attest: async () => fail('CallerUnknown', { why: 'nobody is a pod here' }) };
  await using status = await aStatusServer(index, accessOf({ ann: ['team'] }), { attestor });
  await writeFile(join(folder, 'ca.crt'), status.authority.trusted);
  const env = {
    ...process.env,
    PATH: `${dirname(grpcurl)}:${process.env.PATH}`,
    ADDRESS: status.server.address,
    TOKEN: 'ann-token',
  };
  const path = join(packageRoot(), 'docs/grpc.md');
  const page = await readFile(path, 'utf8');
  const fresh = await replay(page, async (command) => {
    // The curve is told to its end: the job ends while it is read.
    if (command.includes('WatchMetrics')) index.put(aJobResource('workplace', { status: { state: 'Complete' } }));
    return masked(await shell(command, { cwd: folder, env }));
  });
  await rm(folder, { recursive: true });
  if (process.env.UPDATE) await writeFile(path, fresh);
  else assert.equal(page, fresh);
});
