import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scene } from '../test/support/aController.js';
import { plane } from '../test/support/sharedPlane.js';
import { resources } from './cluster/kube/resources.js';

// What the Job controller of a real control plane makes of our worker Job. The tests play scheduler and kubelet.

const within = (seconds: number) => AbortSignal.timeout(seconds * 1000);
test('trap 10: one pod that has published ends the Job; a pod lost in the last second is not made again', async () => {
  await using scene = await Scene.open(plane, within(300));
  await scene.apply('last');
  await scene.passPreflight('last');
  const pods = await scene.workers(0, 3);
  for (const pod of pods) await scene.runs(pod);
  // The last second: one is lost, another has just published.
  await scene.ends(pods[2]!, 137);
  await scene.ends(pods[0]!, 0, { outcome: 'published', url: 's3://models/out/', adapterSha256: 'ab'.repeat(32) });
  const job = await scene.until('the Job has ended', async () => {
    const found = await scene.workerJob('last-0');
    return (
      found.status?.conditions?.some(({ type, status }) => type === 'SuccessCriteriaMet' && status === 'True') && found
    );
  });
  assert.equal(job.status?.succeeded, 1);
  await scene.state('last', 'Complete');
  const names = (await scene.all(resources.pods)).map(({ metadata }) => metadata?.name ?? '');
  const known = [...pods.map(({ metadata }) => metadata?.name ?? ''), 'last-preflight-0'];
  assert.deepEqual(
    names.filter((name) => !known.includes(name)),
    [],
  );
});

test('traps 2 and 3: pods that are deleted use up nothing, and each is made again', async () => {
  await using scene = await Scene.open(plane, within(300));
  await scene.apply('deleted', { spec: { workers: { replicas: 1 } } });
  await scene.passPreflight('deleted');
  const [first] = await scene.workers(0, 1);
  const at = { namespace: scene.namespace, name: first?.metadata?.name ?? '' };
  await scene.client.remove(resources.pods, at, { signal: within(30), gracePeriodSeconds: 0 });
  const second = await scene.until('another pod of the same index', async () =>
    (await scene.all(resources.pods)).find(
      ({ metadata }) => metadata?.name?.startsWith('deleted-0-') && metadata.uid !== first?.metadata?.uid,
    ),
  );
  assert.equal(
    second.metadata?.annotations?.['batch.kubernetes.io/job-completion-index'],
    first?.metadata?.annotations?.['batch.kubernetes.io/job-completion-index'],
  );
  const job = await scene.workerJob('deleted-0');
  assert.deepEqual([job.status?.failedIndexes ?? '', job.spec?.podFailurePolicy], ['', undefined]);
  assert.equal((await scene.state('deleted', 'Pending')).status?.workers?.deaths, 0);
});
