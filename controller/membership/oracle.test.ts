import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import { membersOf, type View } from '../../elastic/view.js';
import { memoryTransport } from '../../proto/memory.js';
import { type Handlers, service } from '../../proto/transport.js';
import { memoryViewStore } from './memoryViewStore.js';
import { openOracle } from './oracle.js';

/** A worker as the oracle sees it: takes views, tells events. */
class FakeWorker {
  readonly views: string[] = [];
  #events: object[] = [];
  #wake: () => void = () => {};

  readonly handlers: Handlers<'Worker'> = {
    setView: async ({ view }) => {
      const line = view ? `${view.number} {${membersOf(view as View)}}` : 'none';
      if (this.views.at(-1) !== line) this.views.push(line);
      return { number: view?.number ?? 0 };
    },
    watchEvents: ({ afterSequence }) => this.#watch(afterSequence),
    stop: async () => ({}),
  };

  tell(event: object): void {
    this.#events.push(event);
    this.#wake();
  }

  async *#watch(after: number) {
    for (let next = after; ; ) {
      if (next < this.#events.length) yield { ...this.#events[next]!, sequence: ++next };
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

async function setup(store = memoryViewStore()) {
  const transport = memoryTransport();
  const views: string[] = [];
  const oracle = await openOracle({
    store,
    transport,
    token: 't',
    clock: systemClock,
    log: silentLogger,
    onView: (view) => views.push(`${view.number} {${membersOf(view)}}`),
  });
  const worker = async (id: string) => {
    const fake = new FakeWorker();
    const options = { address: 'memory:0', token: 't', log: silentLogger };
    const server = await transport.listen([service('Worker', fake.handlers)], options);
    oracle.register({ id, address: server.address });
    return { fake, server };
  };
  return { oracle, views, worker, store };
}

test('the first view names everybody registered, later ones follow what members do', async () => {
  const { oracle, views, worker } = await setup();
  const [a, b] = [await worker('a'), await worker('b')];
  await oracle.form(AbortSignal.timeout(5000));
  const c = await worker('c');
  await until(() => views.length === 2);
  c.fake.tell({ ready: { nextStep: 7 } });
  await until(() => views.length === 3);
  b.fake.tell({ leaving: { reason: 'asked' } });
  await until(() => views.length === 4);
  await c.server.close();
  await until(() => views.length === 5);
  assert.deepEqual(views, ['1 {a, b}', '2 {a, b, (c)}', '3 {a, b, c}', '4 {a, c}', '5 {a}']);
  assert.deepEqual([oracle.leftOnPurpose('b'), oracle.leftOnPurpose('c')], [true, false]);
  await until(() => a.fake.views.at(-1) === '5 {a}');
  await oracle.close();
});

/** A store that cannot be written while `broken` says so. */
function aStoreThatBreaks() {
  const inner = memoryViewStore();
  const state = { broken: false };
  const write = async (view: View) => {
    if (state.broken) throw new Error('no space left');
    return inner.write(view);
  };
  return { state, store: { ...inner, write } };
}

test('a change that could not be written is written as soon as it can be', async () => {
  const { state, store } = aStoreThatBreaks();
  const { oracle, views, worker } = await setup(store);
  const [, b] = [await worker('a'), await worker('b')];
  await oracle.form(AbortSignal.timeout(5000));
  state.broken = true;
  b.fake.tell({ leaving: { reason: 'asked' } });
  await until(() => oracle.leftOnPurpose('b'));
  state.broken = false;
  await until(() => views.length === 2);
  assert.deepEqual(views, ['1 {a, b}', '2 {a}']);
  await oracle.close();
});

test('a first view that cannot be written is an error, and may be asked for again', async () => {
  const { state, store } = aStoreThatBreaks();
  const { oracle, views, worker } = await setup(store);
  await worker('a');
  state.broken = true;
  await assert.rejects(oracle.form(AbortSignal.timeout(5000)), /no space left/);
  state.broken = false;
  await oracle.form(AbortSignal.timeout(5000));
  assert.deepEqual(views, ['1 {a}']);
  await oracle.close();
});

test('a view that another oracle has written is built upon, never overwritten', async () => {
  const { oracle, views, worker, store } = await setup();
  await worker('a');
  await oracle.form(AbortSignal.timeout(5000));
  await store.write({ number: 2, members: [{ id: 'x', address: 'x', joined: true }] });
  await worker('b');
  await until(() => views.length === 2);
  assert.deepEqual(views, ['1 {a}', '3 {(b), x}']);
  await oracle.close();
});

test('a launcher that starts again goes on with the numbers, and drops who is not there any more', async () => {
  const store = memoryViewStore();
  await store.write({ number: 1, members: ['a', 'b'].map((id) => ({ id, address: id, joined: true })) });
  const { oracle, worker } = await setup(store);
  await worker('c');
  const view = await oracle.form(AbortSignal.timeout(5000));
  assert.deepEqual([view.number, membersOf(view)], [4, 'c']);
  await assert.rejects(oracle.forget('b'), (error) => EspalierError.is(error, 'MemberUnknown'));
  await oracle.close();
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
