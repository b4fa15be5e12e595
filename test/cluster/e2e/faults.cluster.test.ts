import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '../command.js';
import {
  apply,
  checkpointOf,
  children,
  family,
  finished,
  hurry,
  isRunning,
  type JobObject,
  job,
  jobUntil,
  listed,
  published,
  publishedFiles,
  remains,
  seconds,
  slowWorkers,
  stepOf,
  steppedTo,
  tinyManifest,
  withoutWorkers,
  workerPods,
  workersIn,
} from './jobs.js';
import { localAdapter } from './reference.js';
import { openSite, release, type Site, system } from './site.js';

// One job of three workers in mid-training, and everything around it breaks, one after the other. Each test waits until the
// training has gone on before the next fault comes; the last looks at the whole of what is left.

const name = 'storm';
const steps = 650;
const notOurs = 'its control plane is not ours to stop: KUBECONFIG names a cluster of yours';

let site: Site;
let manifest: object;
let expected: Promise<string>;
let uid: string;

before(async () => {
  site = await openSite('espalier-e2e-faults');
  manifest = tinyManifest(site, name, { training: { maxSteps: steps }, workers: slowWorkers });
  await apply(site, manifest);
  expected = localAdapter(site, manifest);
  // Whoever waits for it hears of a failure; until then nobody does.
  expected.catch(() => {});
  await steppedTo(site, name, 10);
  ({ uid } = (await job(site, name)).metadata);
});
after(() => site?.[Symbol.asyncDispose]());

/** Ten more steps than now: whatever happened, it was survived. */
async function goesOn(): Promise<void> {
  const now = await until('a worker tells its step', seconds.step, async () => {
    const step = await stepOf(site, name);
    return step >= 0 && step;
  });
  assert.ok(now < steps - 15, `the training was nearly over (step ${now}): this fault did not come in mid-training`);
  await steppedTo(site, name, now + 10);
}

/** Three members again, all of which take part. */
const isWhole = ({ status }: JobObject) => status?.workers?.ready === 3 && status.state === 'Training';

test('a worker pod is deleted: the others train on, and its replacement joins them', async () => {
  const [victim] = (await workerPods(site, name)).filter(isRunning);
  await site.kubectl('delete', 'pod', victim!.metadata.name, '--wait=false');
  await goesOn();
  await jobUntil(site, name, 'has three workers again', async (found) => {
    const running = (await workerPods(site, name)).filter(isRunning);
    return (
      isWhole(found) && running.length === 3 && !running.some(({ metadata }) => metadata.uid === victim!.metadata.uid)
    );
  });
});

test('the controller is deleted: training goes on, and the next controller takes the members over as they are', async () => {
  const controller = () =>
    site.cluster.kubectl(['-n', system, 'get', 'pods', '-l', `app.kubernetes.io/instance=${release},app.kubernetes.io/component=controller`, '-o', 'jsonpath={.items[*].metadata.name}']); // biome-ignore format: one command
  const before = await workerPods(site, name);
  const old = await controller();
  await site.cluster.kubectl(['-n', system, 'delete', 'pod', old, '--grace-period=0', '--force']);
  await goesOn();
  await site.cluster.kubectl(['-n', system, 'rollout', 'status', `deployment/${release}`, '--timeout=300s']);
  const lease = await until('another controller leads', seconds.step, async () => {
    const holder = await site.cluster.kubectl(['-n', system, 'get', 'lease', release, '-o', 'jsonpath={.spec.holderIdentity}']); // biome-ignore format: one command
    return holder !== '' && holder !== old && holder;
  });
  assert.match(lease, /^espalier-/);
  const view = (await jobUntil(site, name, 'has three workers again', isWhole)).status?.workers?.view;
  await goesOn();
  const uids = (pods: typeof before) => pods.map(({ metadata }) => metadata.uid).sort();
  assert.deepEqual(uids(await workerPods(site, name)), uids(before));
  assert.equal((await job(site, name)).status?.workers?.view, view);
});

test('the API server is killed and comes back', async (t) => {
  const { own } = site.cluster;
  if (!own) return t.skip(notOurs);
  await own.stopPart('kube-apiserver');
  const before = await checkpointOf(site, name);
  // Training needs it for nothing: checkpoints go on while it is away.
  await until(
    'a checkpoint without an API server',
    seconds.step,
    async () => (await checkpointOf(site, name)) > before,
  );
  await own.startPart('kube-apiserver');
  await goesOn();
  await jobUntil(site, name, 'has three workers', isWhole);
});

test('etcd is away for ten seconds', async (t) => {
  const { own } = site.cluster;
  if (!own) return t.skip(notOurs);
  const before = await checkpointOf(site, name);
  await own.stopPart('etcd');
  await new Promise((resume) => setTimeout(resume, 10_000));
  await until('a checkpoint without etcd', seconds.step, async () => (await checkpointOf(site, name)) > before);
  await own.startPart('etcd');
  await goesOn();
});

test('the job completes with the adapter of a quiet run on one machine; nothing is lost, stuck or doubled', async () => {
  await hurry(site, name);
  const done = await finished(site, name);
  assert.equal(done.metadata.uid, uid);
  const { status } = done;
  assert.equal(status?.adapterSha256, await expected);
  const recipe = status?.recipeHash?.slice(0, 12) ?? '';
  assert.deepEqual(
    {
      attempt: status?.attempt,
      deaths: status?.workers?.deaths,
      restarts: status?.summary?.restarts,
      artifact: status?.artifact,
      conditions: Object.fromEntries(status?.conditions?.map(({ type, status: is }) => [type, is]) ?? []),
    },
    {
      attempt: 0,
      deaths: 0,
      restarts: '0',
      artifact: `s3://${site.s3.bucket}/out/${name}/${recipe}/`,
      conditions: {
        Ready: 'True',
        Reconciling: 'False',
        Stalled: 'False',
        Suspended: 'False',
        Complete: 'True',
        Failed: 'False',
        Finished: 'True',
      },
    },
  );
  // One Job, one preflight, one of everything; of the workers those that have seen the adapter published.
  const left = await remains(site, name);
  assert.deepEqual(withoutWorkers(left, name), family(name));
  const pods = workersIn(left, name);
  assert.ok(pods.length >= 1 && pods.every((pod) => pod.endsWith('Succeeded')), pods.join());
  assert.deepEqual(await published(site, name), publishedFiles(recipe));
  const events = JSON.parse(await site.kubectl('get', 'events', '-o', 'json', '--field-selector', `involvedObject.uid=${uid},reason=Complete`)) as { items: unknown[] }; // biome-ignore format: one command
  assert.equal(events.items.length, 1);
});

test('a finished job that is deleted takes all its children along; the adapter stays', async () => {
  await site.kubectl('delete', 'ftj', name, '--wait', '--timeout=120s');
  await until('the children go', seconds.step, async () => (await children(site, name)).length === 0);
  assert.deepEqual(listed(await children(site, name)), []);
  assert.ok((await published(site, name)).length > 5);
});
