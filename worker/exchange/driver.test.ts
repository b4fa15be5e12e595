import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import { memoryTransport } from '../../proto/memory.js';
import type { Listening, Transport } from '../../proto/transport.js';
import { ToyTrainee, toyRecipe } from '../../test/support/toyTrainee.js';
import { gradientOf } from '../../test/support/twin.js';
import { HandViews } from '../../test/support/views.js';
import { createExchange } from './driver.js';
import type { Exchange } from './exchange.js';
import type { RecipeFacts, StepReport } from './trainee.js';

const recipe = toyRecipe();
const never = new AbortController().signal;
const alone = await trainAlone(recipe);

test('one worker alone needs no network', async () => {
  assert.equal(alone.reports.length, 20);
  assert.deepEqual(
    alone.reports.map(({ step, leavesComputedHere, bytesSent }) => [step, leavesComputedHere, bytesSent]),
    Array.from({ length: 20 }, (_, step) => [step, step % 2 === 0 ? 8 : 7, 0]),
  );
});

for (const count of [2, 3, 5])
  test(`${count} workers share the leaves and get the bits of one`, async () => {
    const { workers, close } = await together(count, { leafMs: 4 });
    const reports = await Promise.all(workers.map(({ exchange }) => collect(exchange)));
    assert.deepEqual(
      workers.map(({ trainee }) => trainee.sha256),
      workers.map(() => alone.sha256),
    );
    assert.deepEqual(
      reports.map((list) => list.map(({ lossSum }) => lossSum)),
      workers.map(() => alone.reports.map(({ lossSum }) => lossSum)),
    );
    await close();
  });

test('a newcomer fetches the state while the others train, is admitted, and ends with the same bits', async () => {
  const { workers, join, close } = await together(2, { leafMs: 8 });
  const running = workers.map(({ exchange }) => collect(exchange));
  const [first] = workers;
  await until(() => first!.trainee.nextStep >= 5);
  const late = await join('late');
  const reports = await collect(late.exchange);
  await Promise.all(running);
  assert.equal(late.trainee.sha256, alone.sha256);
  assert.ok(reports.length > 0 && reports.length <= 15, `${reports.length} steps after joining`);
  await close();
});

test('who is asked to leave hands over and ends; the others go on with the same bits', async () => {
  const { workers, views, close } = await together(3, { leafMs: 5 });
  const leave = new AbortController();
  const running = workers.map(({ exchange }, i) => collect(exchange, i === 1 ? leave.signal : never));
  await until(() => workers[1]!.trainee.nextStep >= 4);
  leave.abort();
  await running[1];
  assert.deepEqual(views.left, ['w1']);
  await Promise.all(running);
  assert.ok(workers[1]!.trainee.nextStep < 20);
  assert.deepEqual([workers[0]!.trainee.sha256, workers[2]!.trainee.sha256], [alone.sha256, alone.sha256]);
  await close();
});

test('a worker that vanishes without a word costs no bit', async () => {
  const { workers, views, close } = await together(3, { leafMs: 5 });
  const running = workers.map(({ exchange }) => collect(exchange));
  running[1]!.catch(() => {});
  await until(() => workers[1]!.trainee.nextStep >= 4);
  await workers[1]!.kill();
  views.set(views.members.filter(({ id }) => id !== 'w1'));
  await Promise.all([running[0], running[2]]);
  assert.deepEqual([workers[0]!.trainee.sha256, workers[2]!.trainee.sha256], [alone.sha256, alone.sha256]);
  await close();
});

test('a newcomer with another recipe is told which and what', async () => {
  const { join, close, workers } = await together(1, { leafMs: 20 });
  const running = collect(workers[0]!.exchange);
  const odd = await join('odd', toyRecipe({ hash: 'other' }));
  const error = await collect(odd.exchange).catch((cause: unknown) => cause);
  assert.ok(EspalierError.is(error, 'HandshakeMismatch'));
  assert.deepEqual(error.facts, { what: 'recipe', here: 'other', there: 'toy', peer: 'w0' });
  await running;
  assert.equal(workers[0]!.trainee.sha256, alone.sha256);
  await close();
});

test('a leaf that still waits to be computed when a later state is taken is given up, not asked of that state', async () => {
  const { workers, views, close } = await together(2, { leafMs: 8 });
  const [first, second] = workers;
  const { trainee } = second!;
  const restore = trainee.restore.bind(trainee);
  let answer = () => {};
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  let asked = false;
  // As one that was cut off asks the store whether others have published meanwhile; the answer comes with the state.
  trainee.restore = (bytes) => {
    restore(bytes);
    answer();
  };
  trainee.computeLeaf = async (step, leaf, signal) => {
    asked ||= step === 0;
    if (step === 0) await answered;
    signal.throwIfAborted();
    assert.equal(trainee.nextStep, step);
    return gradientOf(step, leaf, trainee.weights);
  };
  views.set(views.members.filter(({ id }) => id === 'w0'));
  const running = collect(first!.exchange);
  await until(() => first!.trainee.nextStep >= 12);
  views.set([...views.members, { id: 'w1', address: second!.server.address, joined: true }]);
  const reports = await collect(second!.exchange);
  await running;
  assert.ok(asked);
  assert.ok(reports.every(({ step }) => step >= 12));
  assert.equal(trainee.sha256, alone.sha256);
  await close();
});

test('a failing engine ends the run with its own error', async () => {
  const trainee = new ToyTrainee(recipe, { beforeLeaf: () => Promise.reject(new Error('engine on fire')) });
  const exchange = createExchange({ self: 'a', recipe, trainee, clock: systemClock, log: silentLogger });
  await assert.rejects(collect(exchange), /engine on fire/);
  await exchange.close();
});

test('a leaf of the wrong length, a step without leaves and shards with a gap are refused by name', async () => {
  const trainee = new ToyTrainee(recipe);
  trainee.computeLeaf = async () => new Float32Array(3);
  const options = { self: 'a', trainee, clock: systemClock, log: silentLogger };
  const exchange = createExchange({ ...options, recipe });
  await assert.rejects(collect(exchange), (error) => EspalierError.is(error, 'LeafMalformed'));
  await exchange.close();
  const unusable = (error: unknown) => EspalierError.is(error, 'RecipeUnusable');
  assert.throws(() => createExchange({ ...options, recipe: { ...recipe, leavesOf: () => [] } }), unusable);
  assert.throws(() => createExchange({ ...options, recipe: { ...recipe, shards: [[0, 8]] } }), unusable);
});

async function collect(exchange: Exchange, signal = never): Promise<StepReport[]> {
  const reports: StepReport[] = [];
  for await (const report of exchange.run({ untilStep: 20, signal })) reports.push(report);
  return reports;
}

async function trainAlone(facts: RecipeFacts) {
  const trainee = new ToyTrainee(facts);
  const exchange = createExchange({ self: 'a', recipe: facts, trainee, clock: systemClock, log: silentLogger });
  const reports = await collect(exchange);
  await exchange.close();
  return { reports, sha256: trainee.sha256 };
}

async function together(count: number, { leafMs = 0 } = {}) {
  const transport = memoryTransport();
  const views = new HandViews();
  const open = (id: string, facts: RecipeFacts) => openWorker(id, facts, transport, views, leafMs);
  const workers = await Promise.all(Array.from({ length: count }, (_, i) => open(`w${i}`, recipe)));
  const all = [...workers];
  views.set(workers.map(({ id, server }) => ({ id, address: server.address, joined: true })));
  return {
    workers,
    views,
    join: async (id: string, facts = recipe) => {
      const worker = await open(id, facts);
      all.push(worker);
      views.set([...views.members, { id, address: worker.server.address, joined: false }]);
      return worker;
    },
    close: async () => {
      await Promise.all(all.map((worker) => worker.kill()));
    },
  };
}

async function openWorker(id: string, facts: RecipeFacts, transport: Transport, views: HandViews, leafMs: number) {
  const beforeLeaf = (_: number, __: number, signal: AbortSignal) =>
    leafMs > 0 ? systemClock.sleep(leafMs, signal) : Promise.resolve();
  const trainee = new ToyTrainee(facts, { beforeLeaf });
  const exchange = createExchange({
    self: id,
    recipe: facts,
    trainee,
    others: { views: views.sourceFor(id), transport, token: 't' },
    clock: systemClock,
    log: silentLogger,
  });
  const server: Listening = await transport.listen([exchange.service], {
    address: 'memory:0',
    token: 't',
    log: silentLogger,
  });
  const kill = async () => {
    await server.close();
    await exchange.close();
  };
  return { id, trainee, exchange, server, kill };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
