import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EspalierError } from '../../../api/errors.js';
import { viewStoreContract } from '../../../test/contracts/viewStore.js';
import { ControlPlane } from '../../../test/support/aControlPlane.js';
import { resources } from './resources.js';
import { kubeViewStore } from './viewStore.js';

let plane: ControlPlane;
const { signal } = new AbortController();
before(async () => {
  plane = await ControlPlane.start();
});
after(async () => {
  await plane[Symbol.asyncDispose]();
});

let jobs = 0;
const aStore = (floor = 0, name = `job-${++jobs}`) =>
  kubeViewStore({ client: plane.client, owner: { namespace: 'default', name, uid: `uid-${name}` }, floor, signal });

viewStoreContract('ConfigMap', () => {
  const name = `job-${++jobs}`;
  return [aStore(0, name), aStore(0, name)];
});

test('numbers do not begin anew when the object was deleted', async () => {
  const view = (number: number) => ({ number, members: [{ id: 'a', address: 'a:1', joined: true }] });
  const store = aStore(7);
  assert.deepEqual(await store.read(), { number: 7, members: [] });
  assert.equal(await store.write(view(7)), 'taken');
  assert.equal(await store.write(view(8)), 'written');
});

test('an object of that name that is not of this job is neither read nor written', async () => {
  const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { namespace: 'default', name: 'foreign-view' } };
  await plane.client.create(resources.configMaps, { ...object, data: { x: '1' } }, signal);
  const store = aStore(0, 'foreign');
  const isTaken = (error: unknown) => EspalierError.is(error, 'NameTaken');
  await assert.rejects(store.read(), isTaken);
  await assert.rejects(store.write({ number: 1, members: [] }), isTaken);
});
