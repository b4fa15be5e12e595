import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { sha256 } from '../../../common/hash.js';
import { packageRoot } from '../../../common/root.js';
import { collect } from '../../../worker/store/body.js';
import { cacheRoot } from '../paths.js';
import { startSample } from '../sample.js';
import { apply, family, finished, job, remains, tinyManifest, withoutWorkers } from './jobs.js';
import { localAdapter } from './reference.js';
import { install, openSite, release, type Site, system } from './site.js';

// The chart on a real cluster, images from our own Dockerfiles, an adapter in a real S3 server.

let site: Site;
before(async () => {
  site = await openSite('espalier-e2e-install');
});
after(() => site?.[Symbol.asyncDispose]());

test('helm test fine-tunes the sample and asks the gRPC status, with nothing from outside', async () => {
  const said = await site.cluster.helm(['test', release, '--namespace', system, '--logs', '--timeout', '5m']);
  assert.match(said, /Phase:\s+Succeeded/);
});

test('a job of three workers ends Complete, with the adapter of a local run of the same manifest, readable in the S3 server', async () => {
  const manifest = tinyManifest(site, 'tiny');
  await apply(site, manifest);
  const [expected, done] = await Promise.all([localAdapter(site, manifest), finished(site, 'tiny')]);
  assert.equal(done.status?.adapterSha256, expected);

  const recipe = done.status?.recipeHash?.slice(0, 12) ?? '';
  assert.equal(done.status?.artifact, `s3://${site.s3.bucket}/out/tiny/${recipe}/`);
  const stored = await collect(await site.store.read(`out/tiny/${recipe}/adapter_model.safetensors`));
  assert.equal(sha256(stored), expected);
  assert.deepEqual(withoutWorkers(await remains(site, 'tiny'), 'tiny'), family('tiny'));
});

test('the example of the quickstart, as kubectl apply -k takes it, gives three workers the adapter of a local run', async () => {
  await startSample(site.cluster, site.namespace, cacheRoot(process.env), () => {});
  // Base and data of the example; the bucket is shared with the tiny job. Of the questions that are asked before and after,
  // six are enough: on two CPUs all of them take longer than everything else here.
  const questions = await readFile(join(packageRoot(), 'examples/workplace/eval.jsonl'), 'utf8');
  await site.upload('workplace/eval.jsonl', `${questions.split('\n').slice(0, 6).join('\n')}\n`);
  const text = await site.cluster.kubectl(['kustomize', join(packageRoot(), 'examples/workplace')]);
  const manifest = parse(text) as { metadata: { name: string }; spec: Record<string, unknown> };
  const { training, ...rest } = manifest.spec as { training: Record<string, unknown> };
  // The first three of its 60 steps: the whole takes minutes on two CPUs, here and on this machine.
  const { epochs: _, ...kept } = training;
  const short = { ...manifest, spec: { ...rest, training: { ...kept, maxSteps: 3 } } };
  assert.equal((manifest.spec.workers as { replicas: number }).replicas, 3);
  await apply(site, short);
  const [expected, done] = await Promise.all([localAdapter(site, short), finished(site, manifest.metadata.name)]);
  assert.equal(done.status?.adapterSha256, expected);
  assert.match(done.status?.artifact ?? '', /^s3:\/\/espalier\/adapters\/workplace\/[0-9a-f]{12}\/$/);
  const key = `adapters/workplace/${done.status?.recipeHash?.slice(0, 12)}/adapter_model.safetensors`;
  assert.equal(sha256(await collect(await site.store.read(key))), done.status?.adapterSha256);
});

test('the release goes and comes back: jobs, CRD and certificate authority stay, and finished jobs stay as they are', async () => {
  const { cluster } = site;
  const authority = () => cluster.kubectl(['-n', system, 'get', 'secret', `${release}-authority`, '-o', 'jsonpath={.metadata.uid}']); // biome-ignore format: one command
  const [before, secret] = [await job(site, 'tiny'), await authority()];
  await cluster.helm(['uninstall', release, '--namespace', system, '--wait', '--timeout', '5m']);
  assert.equal((await job(site, 'tiny')).metadata.uid, before.metadata.uid);
  assert.equal(await authority(), secret);
  assert.equal(
    await cluster.kubectl(['-n', system, 'get', 'deployments,services,roles,configmaps', '-l', 'app.kubernetes.io/instance=espalier', '-o', 'name']), // biome-ignore format: one command
    '',
  );
  await install(cluster, site.images);
  // A new job is seen through, so the controller is at work; the finished one was left as it was.
  await apply(site, tinyManifest(site, 'later', { training: { maxSteps: 3 }, workers: { replicas: 1 } }));
  await finished(site, 'later');
  assert.equal(await authority(), secret);
  assert.deepEqual((await job(site, 'tiny')).status, before.status);
});
