import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import { memoryTransport } from '../../proto/memory.js';
import { type Handlers, service } from '../../proto/transport.js';
import { aClock } from '../../test/support/aClock.js';
import { memoryViewStore } from './memoryViewStore.js';
import { Training } from './training.js';

const handlers: Handlers<'Worker'> = {
  setView: async ({ view }) => ({ number: view?.number ?? 0 }),
  async *watchEvents(_request, { signal }) {
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  },
  stop: async () => ({}),
};

function open(clock = systemClock) {
  const transport = memoryTransport();
  const store = memoryViewStore();
  const reads = { views: 0 };
  const changed: (() => void)[] = [];
  let changes = 0;
  const training = new Training({
    store: {
      ...store,
      read: () => {
        reads.views += 1;
        return store.read();
      },
    },
    transport,
    token: 't',
    clock,
    log: silentLogger,
    onEvent: () => {},
    onChange: () => {
      changes += 1;
      for (const tell of changed.splice(0)) tell();
    },
  });
  const worker = async (uid: string) => {
    const server = await transport.listen([service('Worker', handlers)], { address: 'memory:0', token: 't', log: silentLogger }); // biome-ignore format: one thought
    return { pod: { uid, address: server.address }, server };
  };
  const formed = async () => {
    while (!training.live().formed) await new Promise<void>((resolve) => changed.push(resolve));
  };
  return { training, worker, formed, reads, changes: () => changes };
}

const wanted = { replicas: 2, minReplicas: 1 };
const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
};

test('a pod that never answers asks for no look at its job, however often it is seen, and costs one read', async () => {
  const clock = aClock();
  const { training, reads, changes } = open(clock);
  const pods = ['a', 'b'].map((uid) => ({ uid, address: 'memory:nobody' }));
  for (let minute = 0; minute < 60; minute++) {
    training.follow(pods, wanted);
    await settled();
    clock.advance(60_000);
    await settled();
  }
  assert.deepEqual([changes(), reads.views, training.live().formed], [0, 1, false]);
  await training.close();
});

test('who is gone before it ever answered is not waited for: its replacement joins the first view', async () => {
  const { training, worker, formed } = open();
  const [first, second] = [await worker('first'), await worker('second')];
  training.follow([first.pod, { uid: 'dead', address: 'memory:nobody' }], wanted);
  await settled();
  training.follow([first.pod, second.pod], wanted);
  await formed();
  assert.deepEqual(
    training
      .live()
      .view?.members.map(({ id }) => id)
      .sort(),
    ['first', 'second'],
  );
  await training.close();
  await Promise.all([first, second].map(({ server }) => server.close()));
});
