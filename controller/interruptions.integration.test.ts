import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scene } from '../test/support/aController.js';
import { plane } from '../test/support/sharedPlane.js';
import type { FineTuneJobObject, KubernetesObject } from './cluster/kube/objects.js';
import { type Resource, resources } from './cluster/kube/resources.js';

// A real API server and controller-manager. There are no nodes: the tests play scheduler and kubelet.

const within = (seconds: number) => AbortSignal.timeout(seconds * 1000);
const reasonOf = ({ status }: FineTuneJobObject) => status?.conditions?.find(({ type }) => type === 'Ready')?.reason;
const names = (objects: readonly KubernetesObject[]) => objects.map(({ metadata }) => metadata?.name).sort();

test('five deaths with no step between them, three of one index, are the end; the message says how the last one died', async () => {
  await using scene = await Scene.open(plane, within(240));
  await scene.apply('crash', { spec: { workers: { replicas: 2 } } });
  await scene.passPreflight('crash');
  // What takes all of them at once is one blow; each index comes back after the Job's own pause.
  for (const deaths of [2, 4]) {
    for (const pod of await scene.workers(0, 2)) await scene.ends(pod, 137, undefined, 'OOMKilled');
    await scene.until(`${deaths} deaths are counted`, async () => {
      const job = await scene.get(resources.fineTuneJobs, 'crash');
      return job?.status?.workers?.deaths === deaths;
    });
  }
  const [last] = await scene.workers(0, 2);
  await scene.ends(last!, 137, undefined, 'OOMKilled');
  const failed = await scene.state('crash', 'Failed', 'WorkersCrashing');
  assert.match(failed.status?.conditions?.[0]?.message ?? '', /5 workers died .* exit code 137 \(OOMKilled\)/);
  // Ended, not suspended: a suspended Job would keep its failed pods, and their namespace, from being deleted.
  await scene.until('no pod comes after', async () =>
    (await scene.workerJob('crash-0')).status?.conditions?.some(
      ({ type, status }) => type === 'Failed' && status === 'True',
    ),
  );
  await scene.until('the pods are free to go', async () =>
    (await scene.all(resources.pods)).every(({ metadata }) => !metadata?.finalizers?.length),
  );
});

test('a worker that ends with bad input ends the job at once; one that left on purpose does not count', async () => {
  await using scene = await Scene.open(plane, within(240));
  await scene.apply('input');
  await scene.passPreflight('input');
  const pods = await scene.workers(0, 3);
  await scene.ends(pods[0]!, 75, { outcome: 'left', step: 2 });
  await scene.ends(pods[1]!, 2, {
    outcome: 'failed',
    name: 'BaseChanged',
    code: 'ESP-9105',
    message: 'the base changed',
    remedy: 'run it again',
    retry: false,
  });
  const failed = await scene.state('input', 'Failed', 'BaseChanged');
  assert.equal(failed.status?.workers?.deaths, 1);
});

test('waits are told within seconds: quota, scheduling, images, volumes', async () => {
  await using scene = await Scene.open(plane, within(240));
  await scene.apply('waits');
  const preflight = await scene.pod('waits-preflight-0');
  const unscheduled = (message: string) => ({
    conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }],
  });
  await scene.setPod(preflight, unscheduled('0/2 nodes are available: 2 Insufficient memory.'));
  await scene.state('waits', 'Preflight', 'Unschedulable');
  await scene.setPod(preflight, unscheduled('persistentvolumeclaim "bases" not found'));
  await scene.state('waits', 'Preflight', 'VolumePending');
  const image = { name: 'espalier', image: 'x', imageID: '', restartCount: 0, ready: false };
  await scene.setPod(preflight, {
    conditions: [{ type: 'PodScheduled', status: 'True' }],
    containerStatuses: [{ ...image, state: { waiting: { reason: 'ImagePullBackOff', message: 'no such image' } } }],
  });
  const waiting = await scene.state('waits', 'Preflight', 'ImagePullBackOff');
  assert.match(waiting.status?.summary?.reason ?? '', /ImagePullBackOff/);
  const quota: Resource<KubernetesObject> = { apiVersion: 'v1', kind: 'ResourceQuota', plural: 'resourcequotas' };
  const object = {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { namespace: scene.namespace, name: 'few' },
    spec: { hard: { pods: '1' } },
    status: { hard: { pods: '1' }, used: { pods: '1' } },
  };
  await scene.client.create(quota, object as KubernetesObject, within(30));
  await scene.until('the quota is counted', async () => {
    const found = (await scene.get(quota, 'few')) as { status?: { used?: { pods?: string } } } | undefined;
    return found?.status?.used?.pods !== undefined;
  });
  await scene.apply('full');
  await scene.state('full', 'Pending', 'QuotaExceeded').catch(async (error) => {
    throw new Error(`${error}`);
  });
});

test('a controller that starts again at any moment goes on where the last one was', async () => {
  await using scene = await Scene.open(plane, within(90));
  const restart = async () => {
    await scene.stopController();
    scene.startController();
  };
  await scene.apply('restart');
  await restart();
  await scene.pod('restart-preflight-0');
  await restart();
  await scene.stopController();
  await scene.passPreflight('restart');
  scene.startController();
  const pods = await scene.workers(0, 3);
  await restart();
  for (const pod of pods) await scene.runs(pod);
  await scene.state('restart', 'Training');
  await plane.restartApiServer(within(240));
  await restart();
  await scene.stopController();
  await scene.ends(pods[2]!, 0, { outcome: 'published', url: 's3://models/out/', adapterSha256: '01'.repeat(32) });
  scene.startController();
  await scene.state('restart', 'Complete');
  assert.deepEqual(names(await scene.all(resources.jobs)), ['restart-0']);
  assert.equal(
    (await scene.all(resources.pods)).filter(({ metadata }) => /preflight/.test(metadata?.name ?? '')).length,
    1,
  );
});

test('an idle controller writes nothing', async () => {
  await using scene = await Scene.open(plane, within(240));
  await scene.apply('idle');
  await scene.passPreflight('idle');
  for (const pod of await scene.workers(0, 3)) await scene.runs(pod);
  const before = await scene.state('idle', 'Training');
  await scene.edit('idle', { ttlSecondsAfterFinished: 3600 });
  const settled = await scene.until('the edit is observed', async () => {
    const job = await scene.get(resources.fineTuneJobs, 'idle');
    return job?.status?.observedGeneration === job?.metadata?.generation && job;
  });
  assert.notEqual(before.metadata?.resourceVersion, settled.metadata?.resourceVersion);
  await scene.stopController();
  scene.startController();
  // Another job is seen through to its preflight: by then the first has been reconciled by the new controller.
  await scene.apply('other');
  await scene.state('other', 'Preflight');
  const now = await scene.get(resources.fineTuneJobs, 'idle');
  assert.equal(now?.metadata?.resourceVersion, settled.metadata?.resourceVersion);
});

test('deletion in mid-run takes the children along, and the same name can be used again', async () => {
  await using scene = await Scene.open(plane, within(240));
  await scene.apply('gone');
  await scene.passPreflight('gone');
  await scene.workers(0, 3);
  const uid = (await scene.get(resources.fineTuneJobs, 'gone'))?.metadata?.uid;
  await scene.client.remove(
    resources.fineTuneJobs,
    { namespace: scene.namespace, name: 'gone' },
    { signal: within(30) },
  );
  await scene.until('it is gone', async () => (await scene.get(resources.fineTuneJobs, 'gone')) === undefined);
  await scene.apply('gone');
  await scene.until('a preflight of the new one', async () => {
    const pods = await scene.all(resources.pods);
    return pods.find(({ metadata }) =>
      metadata?.ownerReferences?.some((owner) => owner.kind === 'FineTuneJob' && owner.uid !== uid),
    );
  });
});

test('a finished job goes after its time to live', async () => {
  await using scene = await Scene.open(plane, within(240));
  await scene.apply('short', { spec: { ttlSecondsAfterFinished: 3600, output: { destination: './out' } } });
  await scene.state('short', 'Failed');
  await scene.edit('short', { ttlSecondsAfterFinished: 1 });
  await scene.until('it is gone', async () => (await scene.get(resources.fineTuneJobs, 'short')) === undefined);
});

test('under a queue the Job begins suspended, a suspend takes it away, and a resume is the next attempt', async () => {
  await using scene = await Scene.open(plane, within(240));
  await scene.apply('queued', { labels: { 'kueue.x-k8s.io/queue-name': 'gpus' } });
  await scene.passPreflight('queued');
  const job = await scene.workerJob('queued-0');
  assert.deepEqual([job.spec?.suspend, job.metadata?.labels?.['kueue.x-k8s.io/queue-name']], [true, 'gpus']);
  assert.equal(reasonOf(await scene.state('queued', 'Pending', 'QueueWaiting')), 'QueueWaiting');
  // Kueue's part: it admits, and chooses fewer pods on the way.
  const patch = { spec: { suspend: false, parallelism: 2, completions: 2 } };
  await scene.client.merge(resources.jobs, { namespace: scene.namespace, name: 'queued-0' }, patch, within(30));
  await scene.edit('queued', { suspend: true });
  await scene.until('the Job is gone', async () => (await scene.get(resources.jobs, 'queued-0')) === undefined);
  await scene.edit('queued', { suspend: false });
  assert.equal((await scene.workerJob('queued-1')).spec?.suspend, true);
});
