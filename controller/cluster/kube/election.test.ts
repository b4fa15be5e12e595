import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError } from '../../../api/errors.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { aClock, type ManualClock } from '../../../test/support/aClock.js';
import { HostileApi } from '../../../test/support/hostileApi.js';
import { createKubeClient } from './client.js';
import { withLease } from './election.js';
import { createHttp } from './http.js';
import type { V1Lease } from './objects.js';

function candidate(api: HostileApi, identity: string, clock: ManualClock) {
  const http = createHttp(api.kubeConfig, systemClock);
  const stop = new AbortController();
  let leads = false;
  let ended: 'no' | 'yes' | unknown = 'no';
  const running = withLease(
    {
      client: createKubeClient({ http }),
      lease: { namespace: 'ns', name: 'espalier' },
      identity,
      clock,
      log: silentLogger,
      random: () => 0.5,
    },
    async (signal) => {
      leads = true;
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
      leads = false;
    },
    stop.signal,
  ).then(
    () => {
      ended = 'yes';
    },
    (error: unknown) => {
      ended = error;
    },
  );
  return {
    get leads() {
      return leads;
    },
    get ended() {
      return ended;
    },
    async stop() {
      stop.abort();
      await running;
      http.close();
    },
  };
}

/** Moves time on in small steps, with a turn of real I/O after each, until the condition holds. */
async function until(clock: ManualClock, condition: () => boolean, most = 4000): Promise<number> {
  const start = clock.monotonic();
  for (let turn = 0; turn < most; turn++) {
    if (condition()) return clock.monotonic() - start;
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    clock.advance(100);
  }
  throw new Error('it never came to be');
}
const holder = (api: HostileApi) => (api.object('espalier') as V1Lease | undefined)?.spec?.holderIdentity;

test('one of two leads; when it ends on purpose, the other follows at once', async () => {
  await using api = await HostileApi.start();
  const clock = aClock();
  const first = candidate(api, 'first', clock);
  await until(clock, () => first.leads);
  const second = candidate(api, 'second', clock);
  await until(clock, () => clock.monotonic() > 30_000);
  assert.deepEqual([first.leads, second.leads, holder(api)], [true, false, 'first']);
  await first.stop();
  assert.equal(first.ended, 'yes');
  assert.ok((await until(clock, () => second.leads)) < 10_000);
  assert.deepEqual([holder(api), (api.object('espalier') as V1Lease).spec?.leaseTransitions], ['second', 1]);
  await second.stop();
});

test('a leader that cannot renew ends before anybody else may begin', async () => {
  await using api = await HostileApi.start();
  const clock = aClock();
  const first = candidate(api, 'first', clock);
  await until(clock, () => first.leads);
  api.next('get', ...Array.from({ length: 50 }, () => 'serverError' as const));
  await until(clock, () => first.ended !== 'no');
  assert.ok(EspalierError.is(first.ended, 'LeaseLost'));
  assert.equal(first.leads, false);
  await first.stop();
});

test('a lease that somebody else took is lost, and its holder is named', async () => {
  await using api = await HostileApi.start();
  const clock = aClock();
  const first = candidate(api, 'first', clock);
  await until(clock, () => first.leads);
  const lease = structuredClone(api.object('espalier')) as V1Lease;
  api.remove('espalier');
  api.put('espalier');
  Object.assign(api.object('espalier')!, { spec: { ...lease.spec, holderIdentity: 'thief' } });
  await until(clock, () => first.ended !== 'no');
  assert.ok(EspalierError.is(first.ended, 'LeaseLost') && first.ended.facts.holder === 'thief');
  await first.stop();
});

test('a crashed leader is followed once its lease has run out', async () => {
  await using api = await HostileApi.start();
  const clock = aClock();
  api.put('espalier');
  Object.assign(api.object('espalier')!, { spec: { holderIdentity: 'crashed', leaseTransitions: 3 } });
  const second = candidate(api, 'second', clock);
  const waitedMs = await until(clock, () => second.leads);
  assert.ok(waitedMs >= 15_000 && waitedMs < 40_000, String(waitedMs));
  await second.stop();
});

test('an acquisition whose answer was lost is found to be ours', async () => {
  await using api = await HostileApi.start();
  const clock = aClock();
  api.next('create', 'doneUnanswered');
  const first = candidate(api, 'first', clock);
  await until(clock, () => first.leads);
  assert.equal(holder(api), 'first');
  await first.stop();
});
