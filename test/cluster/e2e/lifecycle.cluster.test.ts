import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { attempt, until } from '../command.js';
import {
  apply,
  checkpointOf,
  children,
  conditionOf,
  family,
  finished,
  hurry,
  isRunning,
  job,
  jobUntil,
  remains,
  seconds,
  slowWorkers,
  steppedTo,
  tinyManifest,
  withoutWorkers,
  workerPods,
} from './jobs.js';
import { localAdapter } from './reference.js';
import { openSite, type Site } from './site.js';

// What a user may do to a job in its life. All jobs here train alike, so all end with one adapter: that of a run on this
// machine. They share the cluster, side by side.

const steps = 120;
let site: Site;
let expected: Promise<string>;

const manifest = (name: string, workers: object = {}, more: object = {}) =>
  tinyManifest(site, name, { training: { maxSteps: steps }, workers: { ...slowWorkers, ...workers }, ...more });

before(async () => {
  site = await openSite('espalier-e2e-lifecycle');
  expected = localAdapter(site, manifest('reference'));
  expected.catch(() => {});
});
after(() => site?.[Symbol.asyncDispose]());

const patch = (name: string, spec: object) =>
  site.kubectl('patch', 'ftj', name, '--type=merge', '-p', JSON.stringify({ spec }));

/** What the API server says to a command that it refuses. */
async function refusal(...args: string[]): Promise<string> {
  const { kubeconfig, kubectlPath } = site.cluster;
  const words = ['--kubeconfig', kubeconfig, '-n', site.namespace, ...args];
  const { code, stderr } = await attempt(kubectlPath, words);
  assert.notEqual(code, 0, `kubectl ${args.join(' ')} was not refused`);
  return stderr;
}

/** Nothing more happens to it. */
async function completes(name: string): Promise<void> {
  await hurry(site, name);
  assert.equal((await finished(site, name)).status?.adapterSha256, await expected);
}

describe('the life of a job', { concurrency: 5 }, () => {
  test('suspend: the workers checkpoint and go, the place is kept; resume: the same Job trains on', async () => {
    const name = 'pause';
    await apply(site, manifest(name, { replicas: 2 }));
    await steppedTo(site, name, 15);
    await patch(name, { suspend: true });
    await site.kubectl('wait', `ftj/${name}`, '--for=condition=Suspended', `--timeout=${seconds.step}s`);
    const { status } = await jobUntil(site, name, 'is at rest', ({ status: now }) => now?.workers?.replicas === 0);
    assert.deepEqual(
      [status?.state, status?.runningSince, status?.attempt, status?.completionTime],
      ['Suspended', undefined, 0, undefined],
    );
    // Whoever left has written down where: not only the last of every ten steps.
    const step = await checkpointOf(site, name);
    assert.ok(step >= 15, `checkpoint ${step}`);
    assert.deepEqual(withoutWorkers(await remains(site, name), name), family(name));
    await patch(name, { suspend: false });
    await completes(name);
    assert.deepEqual(withoutWorkers(await remains(site, name), name), family(name));
  });

  test('scale up and down in mid-training; out of bounds and other edits are refused; a finished job changes nothing', async () => {
    const name = 'size';
    await apply(site, manifest(name, { replicas: 2, minReplicas: 1, maxReplicas: 3 }));
    await steppedTo(site, name, 5);
    await site.kubectl('scale', `ftj/${name}`, '--replicas=3');
    await jobUntil(site, name, 'has three workers', ({ status }) => status?.workers?.ready === 3);
    await site.kubectl('scale', `ftj/${name}`, '--replicas=1');
    await jobUntil(site, name, 'has one worker', async ({ status }) => {
      const running = (await workerPods(site, name)).filter(isRunning);
      return status?.workers?.ready === 1 && running.length === 1;
    });
    assert.match(await refusal('scale', `ftj/${name}`, '--replicas=4'), /replicas must not be above maxReplicas/);
    assert.match(await refusal('scale', `ftj/${name}`, '--replicas=0'), /replicas/);
    for (const [what, spec, words] of forbidden) {
      const said = await refusal('patch', 'ftj', name, '--type=merge', '-p', JSON.stringify({ spec }));
      assert.match(said, words, what);
    }
    await completes(name);
    const before = await remains(site, name);
    const uids = async () => (await children(site, name)).map(({ metadata }) => metadata.uid).sort();
    const then = await uids();
    await site.kubectl('scale', `ftj/${name}`, '--replicas=3');
    const after = await jobUntil(site, name, 'has seen the edit', ({ metadata, status }) => status?.observedGeneration === metadata.generation); // biome-ignore format: one thought
    assert.equal(after.status?.state, 'Complete');
    assert.deepEqual(await remains(site, name), before);
    assert.deepEqual(await uids(), then);
  });

  test('delete in mid-run takes every child along and keeps the checkpoints; applied again, it goes on from there', async () => {
    const name = 'again';
    await apply(site, manifest(name, { replicas: 2 }));
    await steppedTo(site, name, 25);
    const first = await job(site, name);
    await site.kubectl('delete', 'ftj', name, '--wait', '--timeout=300s');
    await until('every child is gone', seconds.step, async () => (await children(site, name)).length === 0);
    const kept = await checkpointOf(site, name);
    assert.ok(kept >= 20, `checkpoint ${kept}`);
    await apply(site, manifest(name, { replicas: 2 }));
    await steppedTo(site, name, kept);
    const logs = await site.kubectl('logs', '-l', `espalier.dev/job=${name},espalier.dev/role=worker`, '--tail=-1', '--prefix=false'); // biome-ignore format: one command
    assert.match(logs, new RegExp(`"message":"training"[^\\n]*from step ${kept} of ${steps}`));
    assert.doesNotMatch(logs, /from step 0 of/);
    await completes(name);
    const second = await job(site, name);
    assert.notEqual(second.metadata.uid, first.metadata.uid);
    assert.equal(second.status?.recipeHash, first.status?.recipeHash);
    assert.deepEqual(withoutWorkers(await remains(site, name), name), family(name));
  });

  test('fewer pods than minReplicas: it is Paused and says so; with a lower minimum the same pods train', async () => {
    const name = 'least';
    // One node, and no two workers on one node: the second pod has no place.
    const [node] = site.cluster.nodes;
    const term = {
      labelSelector: { matchLabels: { 'espalier.dev/job': name } },
      topologyKey: 'kubernetes.io/hostname',
    };
    const workers = {
      replicas: 2,
      minReplicas: 2,
      nodeSelector: { 'kubernetes.io/hostname': node },
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
    };
    await apply(site, manifest(name, workers));
    const paused = await jobUntil(site, name, 'is paused', ({ status }) => status?.state === 'Paused');
    assert.deepEqual(
      [conditionOf(paused, 'Ready')?.reason, conditionOf(paused, 'Ready')?.message],
      ['BelowMinReplicas', '1 of at least 2 workers are ready'],
    );
    await patch(name, { workers: { minReplicas: 1 } });
    const going = await jobUntil(site, name, 'trains', ({ status }) => status?.state === 'Training');
    assert.match(
      conditionOf(going, 'Ready')?.message ?? '',
      /training with fewer workers: least-0-\d-\w+: 0\/\d+ nodes/,
    );
    await completes(name);
  });

  test('every index in back-off: the next worker Job follows at once and resumes', async () => {
    const name = 'backoff';
    await apply(site, manifest(name, { replicas: 2 }));
    // The Job waits 10 s after the first end of an index and 20 s after the second: longer than the controller does.
    for (const end of [1, 2]) {
      await jobUntil(site, name, `has two workers for the ${end}. time`, async ({ status }) => {
        const running = (await workerPods(site, name)).filter(isRunning);
        return status?.workers?.ready === 2 && running.length === 2;
      });
      const pods = (await workerPods(site, name)).filter(isRunning);
      await Promise.all(pods.map(({ metadata }) => site.kubectl('exec', metadata.name, '--', 'node', '-e', 'process.kill(1)'))); // biome-ignore format: one thought
      await until(`the pods end for the ${end}. time`, seconds.step, async () => {
        const uids = new Set(pods.map(({ metadata }) => metadata.uid));
        const now = await workerPods(site, name);
        return !now.some((pod) => uids.has(pod.metadata.uid) && isRunning(pod));
      });
    }
    const next = await jobUntil(site, name, 'is at attempt 1', ({ status }) => status?.attempt === 1);
    assert.match(conditionOf(next, 'Ready')?.reason ?? '', /NextAttempt|WorkersStarting|Training/);
    await completes(name);
    const left = await remains(site, name);
    assert.deepEqual(withoutWorkers(left, name), family(name, ['backoff-0', 'backoff-1']));
    // Those that left stay for their logs; the first Job makes no more of them.
    assert.deepEqual(
      left.filter((each) => /^Pod backoff-0-\d /.test(each)),
      ['Pod backoff-0-0 Failed', 'Pod backoff-0-0 Failed', 'Pod backoff-0-1 Failed', 'Pod backoff-0-1 Failed'],
    );
    const events = await site.kubectl('get', 'events', '--field-selector', 'reason=Restarted', '-o', 'jsonpath={.items[*].message}'); // biome-ignore format: one command
    assert.equal(events, 'attempt 1 resumes from the checkpoint');
    const { status } = await job(site, name);
    assert.deepEqual([status?.workers?.deaths, status?.summary?.restarts], [0, '0']);
  });
});

/** Edits of a running job that its API server refuses, and what it says. */
const forbidden: readonly [string, object, RegExp][] = [
  ['another base', { base: { source: 'hf://other/base' } }, /base/],
  ['another rank', { method: { lora: { rank: 8 } } }, /method/],
  ['another seed', { training: { seed: 7 } }, /training/],
  ['other data', { data: { maxTokens: 32 } }, /data/],
  ['another destination', { output: { destination: 's3://elsewhere/' } }, /output/],
  ['a removed connection', { connections: [] }, /connection/],
  ['fewer than minReplicas', { workers: { replicas: 1, minReplicas: 2 } }, /minReplicas/],
  ['another device', { workers: { device: 'webgpu' } }, /workers|device/],
  ['no method', { method: null }, /method/],
];
