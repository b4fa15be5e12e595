import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EspalierError } from '../../../api/errors.js';
import { podUri } from '../../../api/podIdentity.js';
import { recipeReference } from '../../../api/podVerdict.js';
import { systemClock } from '../../../common/clock.js';
import { sha256 } from '../../../common/hash.js';
import { silentLogger } from '../../../common/log.js';
import { memoryViewStore } from '../../../controller/membership/memoryViewStore.js';
import { Training } from '../../../controller/membership/training.js';
import type { PodAttestor } from '../../../controller/query/identityService.js';
import { JobIndex } from '../../../controller/query/jobIndex.js';
import { ownCertificates } from '../../../controller/query/ownCertificates.js';
import { grpcTransport } from '../../../proto/grpc.js';
import { mountedSecrets, type Paths } from '../../../worker/pod/mounts.js';
import { podWorker } from '../../../worker/pod/podWorker.js';
import { preflight } from '../../../worker/preflight/preflight.js';
import { aJob } from '../../support/aJob.js';
import { accessOf } from '../../support/aJobResource.js';
import { aJobToken, aStatusServer } from '../../support/aStatusServer.js';
import { writeTinyBase } from '../../support/tinyBase.js';

const port = 17_600 + (process.pid % 1000);
const text = (rows: number) =>
  Array.from(
    { length: rows },
    (_, i) => `${JSON.stringify({ text: `the ${i}th row has a few words of its own` })}\n`,
  ).join('');

/** The token says which pod it is; the API server is asked in controller/cluster/kube/attestor.integration.test.ts. */
const job1 = { namespace: 'team', job: 'a', jobUid: 'uid-of-a' };
const attestor: PodAttestor = {
  attest: async (podToken) => ({ ...job1, podUid: podToken, name: podToken }),
};

async function aPod(root: string, name: string, trusted = ''): Promise<Paths> {
  const folder = join(root, name);
  await mkdir(join(folder, 'identity'), { recursive: true });
  await writeFile(join(folder, 'identity', 'token'), `${name}\n`);
  for (const file of ['ca.crt', 'controller-ca.crt']) await writeFile(join(folder, 'identity', file), trusted);
  await mkdir(join(folder, 'secrets', 'store'), { recursive: true });
  await mkdir(join(folder, 'work'), { recursive: true });
  await writeFile(join(folder, 'secrets', 'store', 'HF_TOKEN'), 'hf\n');
  return {
    job: join(folder, 'job.json'),
    recipe: join(folder, 'recipe.json'),
    podToken: join(folder, 'identity', 'token'),
    authority: join(folder, 'identity', 'ca.crt'),
    controllerAuthority: join(folder, 'identity', 'controller-ca.crt'),
    secrets: join(folder, 'secrets'),
    cache: join(root, 'cache'),
    work: join(folder, 'work'),
    lastWords: join(folder, 'words'),
  };
}

test('a preflight pod and two worker pods, told only what is mounted, publish the adapter; a late worker finds it done', async () => {
  const root = await mkdtemp(join(tmpdir(), 'espalier-pod-'));
  const base = await writeTinyBase(join(root, 'base'));
  await writeFile(join(root, 'train.jsonl'), text(24));
  const job = aJob({
    base: { source: base },
    data: { train: [{ source: join(root, 'train.jsonl') }], maxTokens: 32 },
    training: { maxSteps: 3, batch: { sequences: 2 } },
    workers: { engines: 1 },
    output: { destination: join(root, 'out') },
  });
  const clock = systemClock;
  const log = silentLogger;
  const first = await aPod(root, 'preflight');
  const { signal } = new AbortController();
  const passed = await preflight(job, { paths: first, secretOf: mountedSecrets(first), env: {}, clock, log, signal });
  assert.ok(passed.outcome === 'ready');
  // What the controller takes it for.
  const recipe = recipeReference.parse(passed.recipe);
  assert.equal(recipe.steps, 3);

  const transport = grpcTransport();
  await using status = await aStatusServer(new JobIndex('e1'), accessOf({}), { attestor });
  const { authority } = status;
  const stop = new AbortController();
  const certificates = await ownCertificates(authority, [], { clock, log }, stop.signal);
  const oracle = new Training({
    store: memoryViewStore(),
    transport,
    token: aJobToken(job1.jobUid),
    tls: (podUid) => ({ certificates, trusts: (uri) => uri === podUri({ ...job1, podUid }) }),
    clock,
    log,
    onEvent: () => {},
    onChange: () => {},
  });
  const worker = async (index: number) => {
    const paths = await aPod(root, `pod-${index}`, authority.trusted);
    await writeFile(paths.recipe, JSON.stringify(recipe));
    return podWorker(job, {
      paths,
      secretOf: mountedSecrets(paths),
      env: {
        POD_UID: `pod-${index}`,
        POD_IP: '127.0.0.1',
        ESPALIER_PORT: String(port + index),
        ESPALIER_CPU_MILLIS: '1500',
        ESPALIER_CONTROLLER: status.server.address,
      },
      transport,
      random: Math.random,
      clock,
      log,
      version: '0.0.0',
      leave: new AbortController(),
      peakRssBytes: () => 0,
      watchdog: () => ({ [Symbol.dispose]: () => {} }),
    });
  };
  const running = [worker(0), worker(1)];
  oracle.follow(
    [0, 1].map((index) => ({ uid: `pod-${index}`, address: `127.0.0.1:${port + index}` })),
    { replicas: 2, minReplicas: 1 },
  );
  const verdicts = await Promise.all(running);
  const late = await worker(2);
  assert.ok(late.outcome === 'published');
  assert.deepEqual(verdicts, [late, late]);
  const folder = join(root, 'out', recipe.recipeHash.slice(0, 12));
  assert.equal(sha256(await readFile(join(folder, 'adapter_model.safetensors'))), late.adapterSha256);
  assert.equal(oracle.live().published?.adapterSha256, late.adapterSha256);
  assert.equal(oracle.numbers.part()?.summary.progress, '3/3');
  await oracle.close();
  stop.abort();
  await rm(root, { recursive: true, force: true });
});

test('a pod whose data are not there says so as a controller reads it', async () => {
  const root = await mkdtemp(join(tmpdir(), 'espalier-pod-'));
  const base = await writeTinyBase(join(root, 'base'));
  const paths = await aPod(root, 'preflight');
  const job = aJob({
    base: { source: base },
    data: { train: [{ source: join(root, 'none.jsonl') }] },
    output: { destination: join(root, 'out') },
  });
  const { signal } = new AbortController();
  const deps = { paths, secretOf: mountedSecrets(paths), env: {}, clock: systemClock, log: silentLogger, signal };
  await assert.rejects(preflight(job, deps), (error) => EspalierError.is(error, 'DataMissing'));
  await rm(root, { recursive: true, force: true });
});
