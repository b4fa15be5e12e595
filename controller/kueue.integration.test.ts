import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { systemClock } from '../common/clock.js';
import { Scene } from '../test/support/aController.js';
import { ControlPlane } from '../test/support/aControlPlane.js';
import { installKueue, localQueues, type Workload, workloads } from '../test/support/kueue.js';
import type { FineTuneJobObject, V1Job } from './cluster/kube/objects.js';
import { resources } from './cluster/kube/resources.js';

// Kueue's real CustomResourceDefinitions on a real API server. The tests play Kueue: they write what its documentation and
// sources say that it writes.

const queue = 'kueue.x-k8s.io/queue-name';
const jobUid = 'kueue.x-k8s.io/job-uid';
const within = (seconds: number) => AbortSignal.timeout(seconds * 1000);
const reasonOf = ({ status }: FineTuneJobObject) => status?.conditions?.find(({ type }) => type === 'Ready');

let plane: ControlPlane;
before(async () => {
  plane = await ControlPlane.start();
});
after(async () => {
  await plane[Symbol.asyncDispose]();
});

/** A queued job whose preflight has passed, and the Job that Kueue would see. */
async function queued(scene: Scene, name: string): Promise<V1Job> {
  await scene.apply(name, { labels: { [queue]: 'gpus' } });
  await scene.passPreflight(name);
  return scene.workerJob(`${name}-0`);
}

const onJob = (scene: Scene, name: string, patch: object) =>
  scene.client.merge(resources.jobs, { namespace: scene.namespace, name }, patch, within(30));

/** Kueue takes notice of a Job: a Workload of its own for it, with these conditions. */
async function workloadFor(scene: Scene, job: V1Job, conditions: readonly object[], suffix = 'a'): Promise<Workload> {
  const { name = '', uid = '' } = job.metadata ?? {};
  const object: Workload = {
    apiVersion: workloads.apiVersion,
    kind: workloads.kind,
    metadata: {
      namespace: scene.namespace,
      name: `job-${name}-${suffix}`,
      labels: { [jobUid]: uid },
      ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid, controller: true }],
    },
    spec: {
      queueName: 'gpus',
      podSets: [{ name: 'main', count: job.spec?.parallelism ?? 0, template: job.spec?.template }],
    },
  };
  await scene.client.create(workloads, object, within(30));
  await conditionsOn(scene, object, conditions);
  return object;
}

async function conditionsOn(scene: Scene, { metadata }: Workload, conditions: readonly object[]): Promise<void> {
  const at = { namespace: scene.namespace, name: metadata?.name ?? '', subresource: 'status' };
  const lastTransitionTime = new Date().toISOString();
  const status = { conditions: conditions.map((condition) => ({ lastTransitionTime, ...condition })) };
  assert.notEqual(await scene.client.merge(workloads, at, { status }, within(30)), 'missing');
}

const pending = (message: string, reason = 'Pending') => ({
  type: 'QuotaReserved',
  status: 'False',
  reason,
  message,
});

test('trap 9: without Kueue a queued job says after 30 s that nobody answers; once Kueue is installed its words are heard', async () => {
  await using scene = await Scene.open(plane, within(300));
  const job = await queued(scene, 'alone');
  assert.equal(job.spec?.suspend, true);
  await scene.state('alone', 'Pending', 'QueueWaiting');
  // The same half minute for everybody who looks at this clock.
  await scene.stopController();
  const ahead = { ...systemClock, now: () => systemClock.now() + 31_000 };
  scene.startController({ clock: ahead });
  const lost = await scene.state('alone', 'Stalled', 'QueueNotFound');
  assert.match(reasonOf(lost)?.message ?? '', /is Kueue installed, and is there a LocalQueue gpus in this namespace\?/);

  await installKueue(scene.client, within(120));
  // Kueue looks at Jobs whose LocalQueue is not there, too.
  const workload = await workloadFor(scene, job, [pending("LocalQueue gpus doesn't exist", 'Inadmissible')]);
  await scene.until('the words of Kueue', async () => {
    const found = await scene.get(resources.fineTuneJobs, 'alone');
    return found && reasonOf(found)?.message === "LocalQueue gpus doesn't exist";
  });
  await scene.state('alone', 'Stalled', 'QueueNotFound');
  await scene.client.create(
    localQueues,
    {
      apiVersion: localQueues.apiVersion,
      kind: localQueues.kind,
      metadata: { namespace: scene.namespace, name: 'gpus' },
      spec: { clusterQueue: 'all' },
    },
    within(30),
  );
  const full =
    "couldn't assign flavors to pod set main: insufficient unused quota for cpu in flavor default, 1 more needed";
  await conditionsOn(scene, workload, [pending(full)]);
  const waiting = await scene.state('alone', 'Pending', 'QueueWaiting');
  assert.equal(reasonOf(waiting)?.message, full);
});

test('traps 5, 6, 7: what Kueue writes at admission stays, is told, and a scale writes two numbers onto it', async () => {
  await using scene = await Scene.open(plane, within(300));
  const made = await queued(scene, 'admitted');
  assert.equal(made.metadata?.annotations?.['kueue.x-k8s.io/elastic-job'], 'true');
  assert.equal(made.metadata?.annotations?.['kueue.x-k8s.io/job-min-parallelism'], undefined);
  const template = {
    metadata: {
      labels: { 'kueue.x-k8s.io/podset': 'main' },
      annotations: { 'kueue.x-k8s.io/workload': 'job-admitted' },
    },
    spec: {
      nodeSelector: { 'cloud.example.com/pool': 'spot' },
      tolerations: [
        ...(made.spec?.template.spec?.tolerations ?? []),
        { key: 'spot', operator: 'Exists', effect: 'NoSchedule' },
      ],
    },
  };
  // As Kueue does: first the template and the numbers of the suspended Job, then the start.
  await onJob(scene, 'admitted-0', { spec: { template, parallelism: 2, completions: 2, suspend: false } });
  const admitted = await scene.workerJob('admitted-0');
  for (const pod of await scene.until('workers', async () => {
    const pods = (await scene.all(resources.pods)).filter(({ metadata }) => metadata?.name?.startsWith('admitted-0-'));
    return pods.length >= 2 && pods;
  }))
    await scene.runs(pod);
  const training = await scene.until('the drift is told', async () => {
    const job = await scene.get(resources.fineTuneJobs, 'admitted');
    return job?.status?.workers?.drift ? job : undefined;
  });
  assert.equal(training.status?.workers?.drift, 'labels, annotations, nodeSelector, tolerations');
  await scene.until('an event tells it', async () =>
    (await scene.all(resources.events)).some(
      ({ reason, involvedObject }) => reason === 'WorkerJobChanged' && involvedObject.name === 'admitted',
    ),
  );
  // The wish is 3 workers; the Job, started with 2, gets both numbers at once and nothing else.
  const scaled = await scene.until('both numbers are 3', async () => {
    const job = await scene.workerJob('admitted-0');
    return job.spec?.parallelism === 3 && job;
  });
  assert.equal(scaled.spec?.completions, 3);
  assert.deepEqual(scaled.spec?.template, admitted.spec?.template);
  assert.equal(scaled.spec?.suspend, false);
});

test('trap 8: a suspend takes a queued Job away instead of arguing with Kueue, and an eviction is not undone', async () => {
  await using scene = await Scene.open(plane, within(300));
  await queued(scene, 'argue');
  await onJob(scene, 'argue-0', { spec: { suspend: false } });
  await scene.until('it is started', async () => (await scene.all(resources.pods)).length > 1);
  // Preemption: Kueue suspends the Job again. It stays so until Kueue says otherwise.
  await onJob(scene, 'argue-0', { spec: { suspend: true } });
  await scene.state('argue', 'Pending');
  await scene.edit('argue', { ttlSecondsAfterFinished: 60 });
  await scene.until('the edit is observed', async () => {
    const job = await scene.get(resources.fineTuneJobs, 'argue');
    return job?.status?.observedGeneration === job?.metadata?.generation;
  });
  assert.equal((await scene.workerJob('argue-0')).spec?.suspend, true);
  await scene.edit('argue', { suspend: true });
  await scene.until('the Job is gone', async () => (await scene.get(resources.jobs, 'argue-0')) === undefined);
  await scene.state('argue', 'Suspended');
  await scene.edit('argue', { suspend: false });
  assert.equal((await scene.workerJob('argue-1')).spec?.suspend, true);
});

test('a scheduling gate holds pods as waiting in the queue', async () => {
  await using scene = await Scene.open(plane, within(300));
  await queued(scene, 'gated');
  const gates = { schedulingGates: [{ name: 'kueue.x-k8s.io/elastic-job' }] };
  await onJob(scene, 'gated-0', { spec: { template: { spec: gates }, suspend: false } });
  const pod = await scene.pod((await scene.workers(0, 3))[0]?.metadata?.name ?? '');
  await scene.setPod(pod, {
    conditions: [
      {
        type: 'PodScheduled',
        status: 'False',
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to gates',
      },
    ],
  });
  await scene.state('gated', 'Pending', 'QueueWaiting');
});
