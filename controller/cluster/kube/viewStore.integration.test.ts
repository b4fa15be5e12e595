import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError } from '../../../api/errors.js';
import { apiVersion, kind } from '../../../api/fineTuneJob.js';
import { viewStoreContract } from '../../../test/contracts/viewStore.js';
import { aClusterSpec } from '../../../test/support/aWorld.js';
import { plane } from '../../../test/support/sharedPlane.js';
import type { FineTuneJobObject } from './objects.js';
import { resources } from './resources.js';
import { kubeViewStore } from './viewStore.js';

const { signal } = new AbortController();
const namespace = await plane.namespace(signal);

/** Real ones: what belongs to nobody is collected as garbage. */
async function aJob(name: string) {
  const object = {
    apiVersion,
    kind,
    metadata: { namespace, name },
    spec: aClusterSpec,
  } as unknown as FineTuneJobObject;
  const job = await plane.client.create(resources.fineTuneJobs, object, signal);
  assert.ok(job !== 'exists');
  return { namespace, name, uid: job.metadata?.uid ?? '' };
}
const owners = await Promise.all(['job-1', 'job-2', 'job-3', 'job-4'].map(aJob));
const foreign = await aJob('foreign');
const aStore = (owner = owners.pop()!, floor = 0) => kubeViewStore({ client: plane.client, owner, floor, signal });

viewStoreContract('ConfigMap', () => {
  const owner = owners.pop()!;
  return [aStore(owner), aStore(owner)];
});

test('numbers do not begin anew when the object was deleted', async () => {
  const view = (number: number) => ({ number, members: [{ id: 'a', address: 'a:1', joined: true }] });
  const store = aStore(owners.pop(), 7);
  assert.deepEqual(await store.read(), { number: 7, members: [] });
  assert.equal(await store.write(view(7)), 'taken');
  assert.equal(await store.write(view(8)), 'written');
});

test('an object of that name that is not of this job is neither read nor written', async () => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace, name: 'foreign-view' } };
  await plane.client.create(resources.configMaps, { ...object, data: { x: '1' } }, signal);
  const store = aStore(foreign);
  const isTaken = (error: unknown) => EspalierError.is(error, 'NameTaken');
  await assert.rejects(store.read(), isTaken);
  await assert.rejects(store.write({ number: 1, members: [] }), isTaken);
});
