import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sha256 } from '../../../common/hash.js';
import { collect } from '../../../worker/store/body.js';
import { apply, finished, remains, tinyManifest } from './jobs.js';
import { localAdapter } from './reference.js';
import { openSite, release, type Site, system } from './site.js';

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
  assert.deepEqual(await remains(site, 'tiny'), [
    'ConfigMap tiny-job',
    'ConfigMap tiny-recipe',
    'ConfigMap tiny-view',
    'Job tiny-0',
    'NetworkPolicy tiny-workers',
    ...(await remains(site, 'tiny')).filter((each) => /^Pod tiny-0-/.test(each)),
    'Pod tiny-preflight-0 Succeeded',
    'PodDisruptionBudget tiny-workers',
    'Secret tiny-token',
  ]);
});
