import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recipeHash, Scene } from '../test/support/aController.js';
import { plane } from '../test/support/sharedPlane.js';
import type { FineTuneJobObject, KubernetesObject } from './cluster/kube/objects.js';
import { type Resource, resources } from './cluster/kube/resources.js';

// A real API server and controller-manager. There are no nodes: the tests play scheduler and kubelet.

const within = (seconds: number) => AbortSignal.timeout(seconds * 1000);
const finding = ({ status }: FineTuneJobObject): Readonly<Record<string, string | undefined>> => ({
  state: status?.state,
  ...Object.fromEntries((status?.conditions ?? []).map(({ type, status: is }) => [type, is])),
});
const names = (objects: readonly KubernetesObject[]) => objects.map(({ metadata }) => metadata?.name).sort();

test('a job goes through preflight and training to Complete, with the children that it needs', async () => {
  await using scene = await Scene.open(plane, within(240));
  await scene.apply('whole');
  assert.deepEqual(finding(await scene.state('whole', 'Preflight')), {
    state: 'Preflight',
    Ready: 'False',
    Reconciling: 'True',
    Stalled: 'False',
    Suspended: 'False',
    Complete: 'False',
    Failed: 'False',
    Finished: 'False',
  });
  await scene.pod('whole-preflight-0');
  assert.deepEqual(names(await scene.all(resources.jobs)), []);
  await scene.passPreflight('whole');
  const pods = await scene.workers(0, 3);
  for (const pod of pods) await scene.runs(pod);
  const training = await scene.state('whole', 'Training');
  assert.equal(training.status?.recipeHash, recipeHash);
  assert.equal(training.status?.attempt, 0);
  assert.deepEqual(names(await scene.all(resources.configMaps)), [
    'espalier-trust',
    'kube-root-ca.crt',
    'whole-job',
    'whole-recipe',
  ]);
  assert.deepEqual(names(await scene.all(resources.networkPolicies)), ['whole-workers']);
  assert.deepEqual(names(await scene.all(resources.secrets)), []);
  await scene.ends(pods[1]!, 0, { outcome: 'published', url: 's3://models/out/abab/', adapterSha256: 'cd'.repeat(32) });
  const done = await scene.state('whole', 'Complete');
  assert.deepEqual(finding(done), {
    state: 'Complete',
    Ready: 'True',
    Reconciling: 'False',
    Stalled: 'False',
    Suspended: 'False',
    Complete: 'True',
    Failed: 'False',
    Finished: 'True',
  });
  assert.deepEqual(
    [done.status?.adapterSha256, done.status?.artifact, done.status?.summary?.model, done.status?.summary?.method],
    ['cd'.repeat(32), 's3://models/out/abab/', 'owner/base', 'lora r4'],
  );
  assert.ok(done.status?.completionTime);
  for (const reason of ['PreflightStarted', 'PreflightPassed', 'TrainingStarted', 'Complete'])
    await scene.until(`the event ${reason}`, async () =>
      (await scene.all(resources.events)).some(
        (event) => event.involvedObject.kind === 'FineTuneJob' && event.reason === reason,
      ),
    );
});

test('a refusal of the preflight is the end, before any worker is made', async () => {
  await using scene = await Scene.open(plane, within(240));
  await scene.apply('refused');
  await scene.ends(await scene.pod('refused-preflight-0'), 2, {
    outcome: 'failed',
    name: 'TargetsUnmatched',
    code: 'ESP-4001',
    message: 'no module matches',
    remedy: 'try one of q_proj',
    retry: false,
  });
  const failed = await scene.state('refused', 'Failed', 'TargetsUnmatched');
  assert.equal(failed.status?.conditions?.find(({ type }) => type === 'Finished')?.status, 'True');
  assert.match(failed.status?.conditions?.[0]?.message ?? '', /no module matches; try one of q_proj/);
  assert.deepEqual(await scene.all(resources.jobs), []);
});

test('what only the controller can refuse fails with its reason', async () => {
  await using scene = await Scene.open(plane, within(240));
  await scene.apply('nowhere', { spec: { output: { destination: './out' } } });
  await scene.state('nowhere', 'Failed', 'DestinationNotShared');
  await scene.apply('pattern', { spec: { method: { lora: { rank: 4, targetModules: { regex: '(' } } } } });
  await scene.state('pattern', 'Failed', 'JobInvalid');
});

test('children that are deleted are made again, and the next worker Job goes on', async () => {
  await using scene = await Scene.open(plane, within(240));
  await scene.apply('again');
  const remove = async (resource: Resource<unknown>, name: string) =>
    scene.client.remove(resource, { namespace: scene.namespace, name }, { signal: within(30) });
  await remove(resources.pods, (await scene.pod('again-preflight-0')).metadata?.name ?? '');
  const second = await scene.until('another preflight pod', async () =>
    (await scene.all(resources.pods)).find(({ metadata }) => !metadata?.deletionTimestamp),
  );
  await scene.passPreflight('again', Number(second.metadata?.name?.split('-').at(-1)));
  for (const pod of await scene.workers(0, 3)) await scene.runs(pod);
  await scene.state('again', 'Training');
  for (const name of ['again-job', 'again-recipe']) {
    const old = await scene.until(name, () => scene.get(resources.configMaps, name));
    await remove(resources.configMaps, name);
    await scene.until(`${name} is made again`, async () => {
      const found = await scene.get(resources.configMaps, name);
      return found && found.metadata?.uid !== old.metadata?.uid;
    });
  }
  await remove(resources.networkPolicies, 'again-workers');
  await scene.until('the policy is made again', () => scene.get(resources.networkPolicies, 'again-workers'));
  await remove(resources.jobs, 'again-0');
  await scene.workers(1, 3);
  await scene.until('attempt 1 is on record', async () => {
    const job = await scene.get(resources.fineTuneJobs, 'again');
    return job?.status?.attempt === 1;
  });
});

test('an object of the same name that belongs to somebody else is never touched, and is named', async () => {
  await using scene = await Scene.open(plane, within(240));
  const foreign = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: scene.namespace, name: 'taken-job' } };
  await scene.client.create(resources.configMaps, { ...foreign, data: { mine: 'yes' } }, within(30));
  await scene.apply('taken');
  const stalled = await scene.state('taken', 'Stalled', 'NameTaken');
  assert.match(stalled.status?.conditions?.[0]?.message ?? '', /ConfigMap taken-job that does not belong/);
  const kept = await scene.get(resources.configMaps, 'taken-job');
  assert.deepEqual([kept?.data, kept?.metadata?.ownerReferences], [{ mine: 'yes' }, undefined]);
  await scene.client.remove(
    resources.configMaps,
    { namespace: scene.namespace, name: 'taken-job' },
    { signal: within(30) },
  );
  await scene.pod('taken-preflight-0');
});

test('suspend stops the workers and keeps their place; resume starts them in the same Job', async () => {
  await using scene = await Scene.open(plane, within(240));
  await scene.apply('pause');
  await scene.passPreflight('pause');
  const pods = await scene.workers(0, 3);
  for (const pod of pods) await scene.runs(pod);
  await scene.state('pause', 'Training');
  await scene.edit('pause', { suspend: true });
  await scene.until('the Job is suspended', async () => (await scene.workerJob('pause-0')).spec?.suspend);
  // The kubelet's part: pods end when they are told to.
  await Promise.all(
    pods.map(({ metadata }) =>
      scene.client.remove(
        resources.pods,
        { namespace: scene.namespace, name: metadata?.name ?? '' },
        { signal: within(30), gracePeriodSeconds: 0 },
      ),
    ),
  );
  const suspended = await scene.state('pause', 'Suspended');
  assert.equal(suspended.status?.runningSince, undefined);
  assert.equal(finding(suspended).Suspended, 'True');
  await scene.edit('pause', { suspend: false });
  for (const pod of await scene.workers(0, 3)) await scene.runs(pod);
  await scene.state('pause', 'Training');
  assert.deepEqual(names(await scene.all(resources.jobs)), ['pause-0']);
});

test('scaling changes both numbers at once; out of bounds is refused by the API server; a finished job takes none', async () => {
  await using scene = await Scene.open(plane, within(240));
  await scene.apply('size', { spec: { workers: { replicas: 2, maxReplicas: 4 } } });
  await scene.passPreflight('size');
  const pods = await scene.workers(0, 2);
  for (const pod of pods) await scene.runs(pod);
  const scale = (replicas: number) => {
    const at = { namespace: scene.namespace, name: 'size', subresource: 'scale' };
    return scene.client.merge(resources.fineTuneJobs, at, { spec: { replicas } }, within(30));
  };
  await scale(4);
  await scene.workers(0, 4);
  await scale(3);
  await scene.workers(0, 3);
  const { parallelism, completions } = (await scene.workerJob('size-0')).spec ?? {};
  assert.deepEqual([parallelism, completions], [3, 3]);
  await assert.rejects(scale(5), /replicas must not be above maxReplicas/);
  await scene.ends(pods[0]!, 0, { outcome: 'published', url: 's3://models/out/', adapterSha256: 'ef'.repeat(32) });
  await scene.state('size', 'Complete');
  await scale(1);
  await scene.until('the edit is observed', async () => {
    const job = await scene.get(resources.fineTuneJobs, 'size');
    return job?.status?.observedGeneration === job?.metadata?.generation;
  });
  assert.equal((await scene.workerJob('size-0')).spec?.parallelism, 3);
});
