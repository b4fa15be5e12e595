import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../common/clock.js';
import { silentLogger } from '../common/log.js';
import { memoryTransport } from '../proto/memory.js';
import { type Handlers, service } from '../proto/transport.js';
import { aWorkerJob, aWorkerPod, aWorld } from '../test/support/aWorld.js';
import { memoryViewStore } from './membership/memoryViewStore.js';
import { tokenOf } from './resources/access.js';
import { Trainings } from './trainings.js';

const stepAtMs = 1_700_000_000_000;

/** A worker that has committed a step, and says no more. */
const handlers: Handlers<'Worker'> = {
  setView: async ({ view }) => ({ number: view?.number ?? 0 }),
  async *watchEvents(_request, { signal }) {
    yield { sequence: 1, timeMs: stepAtMs, step: { step: 3 } };
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  },
  stop: async () => ({}),
};

test('when a training committed last is known after its workers are gone, until its job is', async () => {
  const transport = memoryTransport();
  let told = () => {};
  const first = new Promise<void>((resolve) => {
    told = resolve;
  });
  const pod = aWorkerPod({ ready: true, status: { podIP: '10.0.0.1' } });
  const world = aWorld({ jobs: [aWorkerJob(0)], pods: [pod], spec: { workers: { replicas: 1 } } });
  const { uid } = world.owner;
  const server = await transport.listen([service('Worker', handlers)], {
    address: `10.0.0.1:${world.settings.workerPort}`,
    token: tokenOf('master', world.owner),
    log: silentLogger,
  });
  const trainings = new Trainings({
    viewStore: () => memoryViewStore(),
    transport,
    masterKey: 'master',
    clock: systemClock,
    log: silentLogger,
    onEvent: () => told(),
    onChange: () => {},
    onBegin: () => {},
  });
  trainings.follow(world, { kind: 'train', attempt: 0 });
  await first;
  assert.equal(trainings.live(uid).committedAtMs, stepAtMs);
  trainings.follow(world, { kind: 'retry', attempt: 1, because: 'all are gone', afterMs: 0 });
  assert.deepEqual([trainings.live(uid).formed, trainings.live(uid).committedAtMs], [false, stepAtMs]);
  trainings.forget(uid);
  assert.equal(trainings.live(uid).committedAtMs, undefined);
  await trainings.close();
  await server.close();
});
