import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { apiVersion, kind } from '../../api/fineTuneJob.js';
import type { FineTuneJobStatus } from '../../api/sections/status.js';
import { decide } from '../../controller/reconcile/decide.js';
import { policies } from '../../controller/reconcile/policies/index.js';
import { settle } from '../../controller/reconcile/settle.js';
import { run } from '../cluster/command.js';
import { pathsFor } from '../cluster/paths.js';
import { ensureKstatus } from '../cluster/tools.js';
import { agoText, aPreflightPod, aWorkerJob, aWorkerPod, aWorld, type WorldOptions } from '../support/aWorld.js';

// kstatus is how kubectl's kin (Flux, Argo, kpt, Helm's --wait) read a resource of a kind that they do not know.

let program: string;
before(async () => {
  program = await ensureKstatus(pathsFor(process.env).tools, () => {});
});

interface Word {
  readonly status: string;
  readonly message: string;
}

async function wordsOf(objects: readonly object[]): Promise<readonly Word[]> {
  return JSON.parse(await run(program, [], { input: JSON.stringify(objects) })) as Word[];
}

const statusOf = (options: WorldOptions): FineTuneJobStatus => {
  const world = aWorld(options);
  return settle(world, decide(policies, world), []);
};
const objectOf = (status: FineTuneJobStatus | undefined, metadata: object = {}) => ({
  apiVersion,
  kind,
  metadata: { namespace: 'ns', name: 'a-job', generation: 1, ...metadata },
  ...(status && { status: JSON.parse(JSON.stringify(status)) as object }),
});

const jobs = [aWorkerJob(0)];
const running = [0, 1, 2].map((index) => aWorkerPod({ index, ready: true }));
const refusal = { outcome: 'failed', name: 'DataMissing', code: 'ESP-3001', message: 'no file', remedy: 'make it' };
const queued = { metadata: { labels: { 'kueue.x-k8s.io/queue-name': 'gpus' } } };
const asleep = { spec: { suspend: true }, metadata: { creationTimestamp: agoText(60) } };

/** Phase -> a world in which the reconciler finds it, its state, and kstatus's word. */
const phases: Readonly<Record<string, readonly [WorldOptions, string, string]>> = {
  waiting: [{ jobs, pods: [aWorkerPod()] }, 'Pending', 'InProgress'],
  'waiting in a queue': [
    { ...queued, jobs: [aWorkerJob(0, asleep)], admission: { known: true, message: 'third', isQueueMissing: false } },
    'Pending',
    'InProgress',
  ],
  preflight: [{ recipe: null, pods: [aPreflightPod(0)] }, 'Preflight', 'InProgress'],
  training: [{ jobs, pods: running }, 'Training', 'InProgress'],
  paused: [
    { jobs, pods: running.slice(0, 1), spec: { workers: { replicas: 3, minReplicas: 2 } } },
    'Paused',
    'InProgress',
  ],
  suspended: [{ spec: { suspend: true }, jobs }, 'Suspended', 'InProgress'],
  stopping: [{ spec: { suspend: true }, jobs, pods: running }, 'Stopping', 'InProgress'],
  complete: [
    { jobs, pods: [aWorkerPod({ exitCode: 0, message: { outcome: 'published', url: 'u', adapterSha256: 's' } })] },
    'Complete',
    'Current',
  ],
  failed: [
    { recipe: null, pods: [aPreflightPod(0, { exitCode: 2, message: { ...refusal, retry: false } })] },
    'Failed',
    'Failed',
  ],
  stalled: [{ ...queued, jobs: [aWorkerJob(0, asleep)], admission: { known: false } }, 'Stalled', 'Failed'],
};

for (const [phase, [options, state, word]] of Object.entries(phases))
  test(`kstatus calls ${phase} ${word}`, async () => {
    const status = statusOf(options);
    assert.equal(status.state, state);
    const [found] = await wordsOf([objectOf(status)]);
    assert.equal(found?.status, word);
    // Its sentence is ours, but for what is as it should be.
    const message = status.conditions?.find(({ type }) => type === 'Ready')?.message;
    assert.equal(found?.message, word === 'Current' ? 'Resource is Ready' : message);
  });

test('a job that nobody has looked at, one whose edit nobody has looked at, and one being deleted are under way', async () => {
  const complete = statusOf(phases.complete![0]);
  const words = await wordsOf([
    objectOf(complete, { generation: 2 }),
    objectOf(complete, { deletionTimestamp: agoText(1) }),
  ]);
  assert.deepEqual(
    words.map(({ status }) => status),
    ['InProgress', 'Terminating'],
  );
});
