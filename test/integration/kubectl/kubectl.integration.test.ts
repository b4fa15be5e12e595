import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { apiVersion, kind } from '../../../api/fineTuneJob.js';
import { packageRoot } from '../../../common/root.js';
import type { FineTuneJobObject } from '../../../controller/cluster/kube/objects.js';
import { resources } from '../../../controller/cluster/kube/resources.js';
import { kubectlFor } from '../../support/aKubectl.js';
import { aClusterSpec } from '../../support/aWorld.js';
import { plane } from '../../support/sharedPlane.js';

// What a user of kubectl meets, on a real API server.

const within = (seconds: number) => AbortSignal.timeout(seconds * 1000);
const kubectl = await kubectlFor(plane);
const namespace = await plane.namespace(within(60));

/** A spec in which every optional part is there, so that each can be changed and removed. */
const whole = {
  ...aClusterSpec,
  suspend: false,
  activeDeadlineSeconds: 100,
  ttlSecondsAfterFinished: 100,
  checkpoint: { everySteps: 10 },
  workers: {
    replicas: 2,
    maxReplicas: 4,
    device: 'cuda',
    gpu: { count: 1 },
    engines: 2,
    memoryBudget: '4Gi',
    image: 'mine:1',
    resources: { limits: { cpu: '2' } },
    nodeSelector: { zone: 'a' },
    tolerations: [{ key: 'gpu', operator: 'Exists' }],
    affinity: { podAntiAffinity: {} },
    volumes: [{ name: 'data', claimName: 'data', mountPath: '/data' }],
  },
};
const resource = (name: string, spec: object = whole) =>
  ({ apiVersion, kind, metadata: { namespace, name }, spec }) as unknown as FineTuneJobObject;

/** Another value of each fixed field. */
const changes: Readonly<Record<string, object>> = {
  connections: { connections: [] },
  base: { base: { source: 'hf://owner/other' } },
  data: { data: { maxTokens: 64 } },
  method: { method: { lora: { rank: 8 } } },
  training: { training: { maxSteps: 5 } },
  checkpoint: { checkpoint: { everySteps: 11 } },
  output: { output: { merged: true } },
  'workers.device': { workers: { device: 'webgpu', gpu: null } },
  'workers.gpu': { workers: { gpu: { count: 2 } } },
  'workers.engines': { workers: { engines: 3 } },
  'workers.memoryBudget': { workers: { memoryBudget: '5Gi' } },
  'workers.image': { workers: { image: 'mine:2' } },
  'workers.resources': { workers: { resources: { limits: { cpu: '3' } } } },
  'workers.nodeSelector': { workers: { nodeSelector: { zone: 'b' } } },
  'workers.tolerations': { workers: { tolerations: [] } },
  'workers.affinity': { workers: { affinity: { nodeAffinity: {} } } },
  'workers.volumes': { workers: { volumes: [] } },
};
const fixed = 'is fixed once the job is made: make another FineTuneJob';

const patch = async (name: string, spec: object) => {
  const args = ['patch', 'ftj', name, '-n', namespace, '--type=merge', '-p', JSON.stringify({ spec })];
  const { code, stderr } = await kubectl(args);
  return code === 0 ? 'taken' : stderr;
};

test('no fixed field can be changed by kubectl patch; the answer names the field and what to do', async () => {
  await plane.client.create(resources.fineTuneJobs, resource('fixed'), within(30));
  for (const [field, change] of Object.entries(changes)) {
    const said = await patch('fixed', change);
    assert.ok(said.includes(`spec.${field}: Invalid value: `) && said.includes(fixed), `${field}: ${said}`);
  }
});

test('no fixed field can be removed, and none added', async () => {
  const optional = ['workers.gpu', 'workers.engines', 'workers.memoryBudget', 'workers.image', 'workers.affinity'];
  const bare = { ...whole, workers: { replicas: 2, maxReplicas: 4, device: 'cuda' } };
  await plane.client.create(resources.fineTuneJobs, resource('bare', bare), within(30));
  for (const field of optional) {
    const name = field.split('.')[1]!;
    const removed = await patch('fixed', { workers: { [name]: null } });
    assert.ok(removed.includes(`spec.${field}: Invalid value: ${fixed}`), `removed ${field}: ${removed}`);
    const added = await patch('bare', { workers: { [name]: whole.workers[name as keyof typeof whole.workers] } });
    assert.ok(added.includes(`spec.${field}: Invalid value: ${fixed}`), `added ${field}: ${added}`);
  }
  const emptied = await patch('fixed', { data: { eval: { fraction: 0.1 } } });
  assert.ok(emptied.includes(`spec.data: Invalid value: ${fixed}`), emptied);
});

test('kubectl apply meets the same rules, and takes what may change', async () => {
  const apply = (spec: object) =>
    kubectl(['apply', '-f', '-'], { input: JSON.stringify(resource('applied', { ...whole, ...spec })) });
  assert.equal((await apply({})).code, 0);
  const { code, stderr } = await apply({ training: { maxSteps: 9 } });
  assert.equal(code, 1);
  assert.ok(stderr.includes(`spec.training: Invalid value: ${fixed}`), stderr);
  const free = { suspend: true, activeDeadlineSeconds: 7, ttlSecondsAfterFinished: 8 };
  const taken = await apply({ ...free, workers: { ...whole.workers, replicas: 4, minReplicas: 2, maxReplicas: 5 } });
  assert.equal(taken.code, 0, taken.stderr);
});

test('kubectl scale goes within the bounds, and no further', async () => {
  const scale = (replicas: number) => kubectl(['scale', 'ftj', 'fixed', '-n', namespace, `--replicas=${replicas}`]);
  assert.equal((await scale(4)).code, 0);
  const { code, stderr } = await scale(5);
  assert.equal(code, 1);
  assert.match(stderr, /spec\.workers\.replicas: Invalid value: replicas must not be above maxReplicas/);
  assert.match((await scale(0)).stderr, /spec\.workers\.replicas/);
});

test('trap 17: kubectl apply refuses a field that does not exist; kubectl patch warns of it', async () => {
  const misspelt = { ...whole, workers: { ...whole.workers, replica: 3 } };
  const applied = await kubectl(['apply', '-f', '-'], { input: JSON.stringify(resource('fixed', misspelt)) });
  assert.equal(applied.code, 1);
  assert.match(applied.stderr, /strict decoding error: unknown field "spec\.workers\.replica"/);
  const patched = await kubectl([
    ...['patch', 'ftj', 'fixed', '-n', namespace, '--type=merge'],
    ...['-p', '{"spec":{"workers":{"replica":3}}}'],
  ]);
  assert.match(patched.stderr, /Warning: unknown field "spec\.workers\.replica"/);
});

/** Recorded words of kubectl; UPDATE=1 writes them anew. */
async function recorded(name: string, words: string): Promise<void> {
  const file = join(packageRoot(), 'test/integration/kubectl', name);
  if (process.env.UPDATE) await writeFile(file, words);
  else assert.equal(words, await readFile(file, 'utf8'));
}

test('kubectl explain ftj.spec.method.lora reads as recorded', async () => {
  const { code, stdout, stderr } = await kubectl(['explain', 'ftj.spec.method.lora']);
  assert.equal(code, 0, stderr);
  await recorded('explain-lora.txt', stdout);
});

test('kubectl get ftj shows state, progress, loss, evaluation, rest and workers; -o wide the rest', async () => {
  await plane.client.create(resources.fineTuneJobs, resource('shown'), within(30));
  const status = {
    state: 'Training',
    summary: {
      progress: '12/100',
      loss: '1.2345',
      eval: '1.5000',
      eta: '1h5m',
      workers: '2/3',
      model: 'owner/base',
      method: 'lora r4',
      queue: 'gpus',
      restarts: '1',
      tokensPerSecond: '277',
      best: '1.4 @10',
      reason: 'BackOff',
    },
  };
  const at = { namespace, name: 'shown', subresource: 'status' };
  await plane.client.merge(resources.fineTuneJobs, at, { status }, within(30));
  // The age goes with the clock.
  const shown = async (...more: string[]) =>
    (await kubectl(['get', 'ftj', 'shown', '-n', namespace, ...more])).stdout
      .replace(/ {2,}/g, '  ')
      .replace(/ {2}\d+s {1,2}/, '  AGO  ')
      .replace(/ {2}\d+s\n/, '  AGO\n');
  await recorded('get.txt', `${await shown()}${await shown('-o', 'wide')}`);
});
