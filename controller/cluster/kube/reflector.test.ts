import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { aClock } from '../../../test/support/aClock.js';
import { type Fault, HostileApi } from '../../../test/support/hostileApi.js';
import { createKubeClient } from './client.js';
import { createHttp } from './http.js';
import type { V1ConfigMap } from './objects.js';
import { createReflector } from './reflector.js';
import { resources } from './resources.js';

async function watching(api: HostileApi, { pageSize = 2, clock = systemClock } = {}) {
  const http = createHttp(api.kubeConfig, systemClock);
  const told: string[] = [];
  let wake = () => {};
  const reflector = createReflector<V1ConfigMap>({
    client: createKubeClient({ http }),
    resource: resources.configMaps,
    selection: { namespace: 'ns' },
    // Pauses cost nothing here: what counts is what it does after them.
    clock:
      clock === systemClock
        ? { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 190_000) > 60_000 ? ms : 1, signal) }
        : clock,
    log: silentLogger,
    random: () => 0.5,
    pageSize,
    groupOf: ({ data }) => data?.value,
    onChange: (object) => {
      told.push(`${object.metadata?.name}=${object.data?.value ?? ''}`);
      wake();
    },
  });
  const stop = new AbortController();
  const running = reflector.run(stop.signal);
  const state = () =>
    Object.fromEntries([...reflector.all()].map(({ metadata, data }) => [metadata?.name, data?.value]));
  return {
    reflector,
    told,
    state,
    async until(condition: () => boolean) {
      while (!condition())
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
      http.close();
    },
  };
}

test('a list comes in pages, and what changes afterwards comes by the watch', async () => {
  await using api = await HostileApi.start();
  for (const name of ['a', 'b', 'c', 'd', 'e']) api.put(name, { value: '1' });
  await using watch = await watching(api);
  await watch.reflector.synced;
  assert.deepEqual(watch.state(), { a: '1', b: '1', c: '1', d: '1', e: '1' });
  assert.equal(api.requests.filter(({ verb }) => verb === 'list').length, 3);
  api.put('a', { value: '2' });
  api.remove('b');
  api.put('f', { value: '1' });
  await watch.until(() => watch.reflector.get('ns', 'f') !== undefined);
  assert.deepEqual(watch.state(), { a: '2', c: '1', d: '1', e: '1', f: '1' });
  const group = (name: string) => watch.reflector.group(name).map(({ metadata }) => metadata?.name);
  assert.deepEqual([group('1'), group('2'), group('3')], [['c', 'd', 'e', 'f'], ['a'], []]);
  assert.equal(api.requests.find(({ verb }) => verb === 'watch')?.query.get('allowWatchBookmarks'), 'true');
});

const whileListing: readonly Fault[] = ['reset', 'serverError', 'truncated', 'cut', 'gone'];
for (const fault of whileListing)
  test(`a list that meets "${fault}" is asked for again`, async () => {
    await using api = await HostileApi.start();
    for (const name of ['a', 'b', 'c']) api.put(name, { value: '1' });
    api.next('list', fault, fault);
    await using watch = await watching(api);
    await watch.reflector.synced;
    assert.deepEqual(watch.state(), { a: '1', b: '1', c: '1' });
  });

const whileWatching: readonly Fault[] = ['reset', 'serverError', 'truncated', 'cut', 'ended', 'gone', 'errorEvent'];
for (const fault of whileWatching)
  test(`nothing is lost when a watch meets "${fault}"`, async () => {
    await using api = await HostileApi.start();
    api.put('a', { value: '1' });
    api.put('b', { value: '1' });
    api.next('watch', fault, fault, fault);
    await using watch = await watching(api);
    await watch.reflector.synced;
    api.put('a', { value: '2' });
    api.remove('b');
    api.put('c', { value: '1' });
    await watch.until(() => !watch.reflector.get('ns', 'b') && !!watch.reflector.get('ns', 'c'));
    assert.deepEqual(watch.state(), { a: '2', c: '1' });
    const relisted = api.requests.filter(({ verb }) => verb === 'list').length > 1;
    assert.equal(relisted, ['serverError', 'gone', 'errorEvent'].includes(fault));
  });

test('an event that comes twice is told once', async () => {
  await using api = await HostileApi.start();
  api.put('a', { value: '1' });
  api.next('watch', 'twice');
  await using watch = await watching(api);
  await watch.reflector.synced;
  await api.heard('watch', 1);
  for (const value of ['2', '3']) api.put('a', { value });
  await watch.until(() => watch.told.includes('a=3'));
  assert.deepEqual(watch.told, ['a=1', 'a=2', 'a=3']);
});

test('what went away while nobody watched is told after the next list', async () => {
  await using api = await HostileApi.start();
  api.put('a', { value: '1' });
  api.put('b', { value: '1' });
  await using watch = await watching(api);
  await watch.reflector.synced;
  api.next('watch', 'errorEvent');
  await api.heard('watch', 1);
  api.resetAll();
  api.remove('a');
  await watch.until(() => !watch.reflector.get('ns', 'a'));
  assert.deepEqual(watch.state(), { b: '1' });
  assert.deepEqual(watch.told.slice(0, 3), ['a=1', 'b=1', 'a=1']);
});

test('a watch on a half-open connection is given up after three missing bookmarks', async () => {
  await using api = await HostileApi.start();
  api.put('a', { value: '1' });
  api.next('watch', 'stall');
  const clock = aClock();
  await using watch = await watching(api, { clock });
  await watch.reflector.synced;
  await api.heard('watch', 1);
  api.put('a', { value: '2' });
  assert.deepEqual(watch.state(), { a: '1' });
  while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(190_000);
  while (watch.reflector.get('ns', 'a')?.data?.value !== '2') {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(1000);
  }
  assert.deepEqual(watch.told, ['a=1', 'a=2']);
});

test('what was written by ourselves is known at once, and its echo is not told', async () => {
  await using api = await HostileApi.start();
  api.put('a', { value: '1' });
  api.next('watch', 'stall');
  await using watch = await watching(api);
  await watch.reflector.synced;
  await api.heard('watch', 1);
  api.put('mine', { value: '1' });
  const mine = () => structuredClone(api.object('mine')) as V1ConfigMap;
  const first = mine();
  watch.reflector.note(first);
  assert.deepEqual([watch.state(), watch.told], [{ a: '1', mine: '1' }, ['a=1']]);
  assert.deepEqual(
    watch.reflector.group('1').map(({ metadata }) => metadata?.name),
    ['a', 'mine'],
  );
  api.put('mine', { value: '2' });
  watch.reflector.note(mine());
  // An answer that was under way for long.
  watch.reflector.note(structuredClone(first));
  assert.equal(watch.state().mine, '2');
  // The stalled watch ends, the next one tells all of it: our own writes are no news.
  api.resetAll();
  api.put('b', { value: '1' });
  await watch.until(() => watch.reflector.get('ns', 'b') !== undefined);
  assert.deepEqual([watch.state(), watch.told], [{ a: '1', mine: '2', b: '1' }, ['a=1', 'b=1']]);
});

test('an answer that comes after the watch has told that its object is gone brings nothing back', async () => {
  await using api = await HostileApi.start();
  await using watch = await watching(api);
  await watch.reflector.synced;
  api.put('mine', { value: '1' });
  const answer = structuredClone(api.object('mine')) as V1ConfigMap;
  api.remove('mine');
  api.put('later', { value: '1' });
  await watch.until(() => watch.reflector.get('ns', 'later') !== undefined);
  watch.reflector.note(answer);
  assert.deepEqual(watch.state(), { later: '1' });
});
