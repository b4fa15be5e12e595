import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError } from '../../../api/errors.js';
import { systemClock } from '../../../common/clock.js';
import { HostileApi } from '../../../test/support/hostileApi.js';
import { createKubeClient } from './client.js';
import { createHttp } from './http.js';
import { pathOf, resources } from './resources.js';

const never = new AbortController().signal;

async function clientOf(api: HostileApi) {
  const http = createHttp(api.kubeConfig, systemClock);
  const calls: string[] = [];
  const onCall = ({ verb, resource, code }: { verb: string; resource: string; code: number }) =>
    calls.push(`${verb} ${resource} ${code}`);
  return { client: createKubeClient({ http, onCall }), calls, [Symbol.dispose]: () => http.close() };
}

test('paths follow group, version, namespace, name and subresource', () => {
  assert.equal(pathOf(resources.pods), '/api/v1/pods');
  assert.equal(pathOf(resources.jobs, { namespace: 'ns' }), '/apis/batch/v1/namespaces/ns/jobs');
  assert.equal(
    pathOf(resources.fineTuneJobs, { namespace: 'ns', name: 'x', subresource: 'status' }),
    '/apis/espalier.dev/v1alpha1/namespaces/ns/finetunejobs/x/status',
  );
});

test('outcomes that a caller must handle are values', async () => {
  await using api = await HostileApi.start();
  using open = await clientOf(api);
  const { client } = open;
  const at = { namespace: 'ns', name: 'a' };
  assert.equal(await client.get(resources.configMaps, at, never), undefined);
  const made = await client.create(resources.configMaps, { metadata: at, data: { x: '1' } }, never);
  assert.ok(made !== 'exists');
  assert.equal(await client.create(resources.configMaps, { metadata: at }, never), 'exists');
  const stale = structuredClone(made);
  assert.ok(typeof (await client.replace(resources.configMaps, made, never)) === 'object');
  assert.equal(await client.replace(resources.configMaps, stale, never), 'changed');
  assert.equal(await client.replace(resources.configMaps, { metadata: { ...at, name: 'b' } }, never), 'missing');
  assert.deepEqual(open.calls.slice(0, 3), ['get configmaps 404', 'create configmaps 201', 'create configmaps 409']);
});

test('a broken connection is ApiUnreachable, an answer of the server is ApiRefused with its words', async () => {
  await using api = await HostileApi.start();
  using open = await clientOf(api);
  const at = { namespace: 'ns', name: 'a' };
  for (const fault of ['reset', 'cut', 'truncated'] as const) {
    api.put('a');
    api.next('get', fault);
    await assert.rejects(open.client.get(resources.configMaps, at, never), (error) =>
      EspalierError.is(error, 'ApiUnreachable'),
    );
  }
  api.next('get', 'serverError');
  await assert.rejects(
    open.client.get(resources.configMaps, at, never),
    (error) =>
      EspalierError.is(error, 'ApiRefused') &&
      error.message ===
        'GET /api/v1/namespaces/ns/configmaps/a: the API server answered 500 InternalError: etcd has no leader',
  );
});

test('a call ends with the signal of its caller, whatever the server does', async () => {
  await using api = await HostileApi.start();
  using open = await clientOf(api);
  const stop = new AbortController();
  api.next('get', 'stall');
  const pending = open.client.get(resources.configMaps, { namespace: 'ns', name: 'a' }, stop.signal);
  await api.heard('get', 1);
  stop.abort(new DOMException('enough', 'AbortError'));
  await assert.rejects(pending, (error) => error === stop.signal.reason);
});
