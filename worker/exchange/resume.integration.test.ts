import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { systemClock } from '../../common/clock.js';
import { sha256 } from '../../common/hash.js';
import { silentLogger } from '../../common/log.js';
import { memoryTransport } from '../../proto/memory.js';
import { tinyJob } from '../../test/chaos/tinyJob.js';
import { HandViews } from '../../test/support/views.js';
import { initialAdapter } from '../adapter/init.js';
import { sitesOf } from '../adapter/sites.js';
import { createEngine } from '../engine/createEngine.js';
import { engineSetup } from '../recipe/engineSetup.js';
import { decodeTokens } from '../recipe/tokens.js';
import { createMemoryStore } from '../store/memory.js';
import type { Store } from '../store/store.js';
import { saveCheckpoint } from '../train/checkpoint.js';
import { loadLatestCheckpoint } from '../train/loadCheckpoint.js';
import { bytesOf, initialState, type TrainState } from '../train/state.js';
import { createTrainee, recipeFacts } from '../train/trainee.js';
import { createExchange } from './driver.js';

const steps = 12;
const { signal } = new AbortController();
const folder = await mkdtemp(join(tmpdir(), 'espalier-resume-'));
const { prepared } = await tinyJob(folder, { steps, leaves: 4, tokens: 16, layers: 2, hidden: 32 });
const { recipe, hash } = prepared.compiled;
const tokens = decodeTokens(prepared.compiled.tokens);
const setup = engineSetup(recipe, prepared.base, 'whole');
const engines = await Promise.all(Array.from({ length: 4 }, () => createEngine(setup)));
const numerics = { fingerprint: 'f'.repeat(64), machine: 'this machine' };
after(async () => {
  await Promise.all(engines.map((engine) => engine.close()));
  await rm(folder, { recursive: true, force: true });
});

const beginning = (): TrainState => initialState(initialAdapter(recipe.method, sitesOf(prepared.base.spec)));

/** Trains to the end with so many workers, each with one engine; returns the hash of every worker's adapter. */
async function finish(states: readonly TrainState[], onApplied?: (state: TrainState) => void): Promise<string[]> {
  const transport = memoryTransport();
  const views = new HandViews();
  const facts = recipeFacts(recipe, hash);
  const workers = await Promise.all(
    states.map(async (state, place) => {
      const applied = place === 0 && onApplied ? { onApplied: () => onApplied(state) } : {};
      const trainee = createTrainee({ recipe, tokens, engines: [engines[place]!], state, ...applied });
      const exchange = createExchange({
        self: `w${place}`,
        recipe: facts,
        trainee,
        others: { views: views.sourceFor(`w${place}`), transport, token: 't' },
        clock: systemClock,
        log: silentLogger,
      });
      const options = { address: 'memory:0', token: 't', log: silentLogger };
      return { exchange, state, server: await transport.listen([exchange.service], options) };
    }),
  );
  views.set(workers.map(({ server }, place) => ({ id: `w${place}`, address: server.address, joined: true })));
  await Promise.all(
    workers.map(async ({ exchange }) => {
      for await (const _ of exchange.run({ untilStep: facts.steps, signal }));
    }),
  );
  await Promise.all(workers.map(({ exchange }) => exchange.close()));
  await Promise.all(workers.map(({ server }) => server.close()));
  return workers.map(({ state }) => sha256(bytesOf(state.master)));
}

test('from every checkpoint of a job, with one, two and four workers: one SHA-256', async () => {
  const stores: Store[] = [];
  const saving: Promise<unknown>[] = [];
  const owned = recipe.shards.map((_, shard) => shard);
  const [expected] = await finish([beginning()], (state) => {
    const store = createMemoryStore();
    stores.push(store);
    const { fingerprint } = numerics;
    saving.push(saveCheckpoint(store, { recipeHash: hash, fingerprint, state, shards: recipe.shards, owned, signal }));
  });
  await Promise.all(saving);
  assert.equal(stores.length, steps);
  for (const store of stores)
    for (const count of [1, 2, 4]) {
      const load = () =>
        loadLatestCheckpoint(store, {
          recipeHash: hash,
          numerics,
          vectorLength: recipe.layout.length,
          warn: assert.fail,
          signal,
        });
      const states = await Promise.all(Array.from({ length: count }, load));
      const hashes = await finish(states.map((state) => state!));
      assert.deepEqual(
        hashes,
        Array.from({ length: count }, () => expected),
      );
    }
});
