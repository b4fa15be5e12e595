import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EspalierError } from '../../api/errors.js';
import { withFaults } from '../store/faults.js';
import { createMemoryStore } from '../store/memory.js';
import type { Store } from '../store/store.js';
import { collectCheckpoints, completeSteps, saveCheckpoint } from './checkpoint.js';
import { loadLatestCheckpoint } from './loadCheckpoint.js';
import type { Shard } from './norm.js';
import { initialState, type TrainState } from './state.js';

const { signal } = new AbortController();
const fingerprint = 'f'.repeat(64);
const numerics = { fingerprint, machine: 'this machine' };
const recipeHash = 'a'.repeat(64);
const shards: readonly Shard[] = [
  [0, 16],
  [16, 48],
  [48, 64],
];
const everyShard = [0, 1, 2];

function stateAt(step: number): TrainState {
  const state = initialState(Float32Array.from({ length: 64 }, (_, index) => index / 7 + step));
  state.mean.fill(step / 3);
  state.square.fill(step / 5);
  state.scalars = {
    step,
    beta1Power: 0.9 ** step,
    beta2Power: 0.999,
    skipped: 1,
    skippedInARow: 0,
    losses: [0.1, null],
    evaluations: [{ step: 0, evaluation: 2.5, general: null }],
  };
  return state;
}

const save = (store: Store, step: number, owned: readonly number[] = everyShard) =>
  saveCheckpoint(store, { recipeHash, fingerprint, state: stateAt(step), shards, owned, signal });

async function load(store: Store, hash = recipeHash) {
  const warnings: EspalierError[] = [];
  const state = await loadLatestCheckpoint(store, {
    recipeHash: hash,
    numerics,
    vectorLength: 64,
    warn: (reason) => warnings.push(reason),
    signal,
  });
  return { step: state?.scalars.step, state, warnings: warnings.map(({ name, facts }) => ({ name, facts })) };
}

async function keys(store: Store): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { key } of store.list('')) found.push(key);
  return found;
}

async function content(store: Store): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const key of await keys(store)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of await store.read(key)) chunks.push(chunk);
    all.set(key, Buffer.concat(chunks).toString('base64'));
  }
  return all;
}

/** Overwrites one stored object of a step. */
async function damage(store: Store, step: number, part: string, bytes: Uint8Array): Promise<void> {
  const found = (await keys(store)).filter((key) => key.includes(`/${String(step).padStart(10, '0')}/${part}`));
  assert.equal(found.length, 1);
  await store.write(found[0]!, bytes);
}

test('a checkpoint gives back the state it was made of', async () => {
  const store = createMemoryStore();
  assert.deepEqual(await save(store, 20), { step: 20, complete: true, bytesWritten: 3 * 64 * 4 });
  const { state, warnings } = await load(store);
  assert.deepEqual(state, stateAt(20));
  assert.deepEqual(warnings, []);
});

test('owners write their parts, and whoever comes last completes it with the bytes that one worker alone writes', async () => {
  const together = createMemoryStore();
  assert.equal((await save(together, 20, [1])).complete, false);
  assert.equal((await load(together)).step, undefined);
  assert.equal((await save(together, 20, [0, 2])).complete, true);
  const alone = createMemoryStore();
  await save(alone, 20);
  assert.deepEqual(await content(together), await content(alone));
});

test('saving twice is harmless', async () => {
  const store = createMemoryStore();
  await save(store, 20);
  const before = await content(store);
  assert.equal((await save(store, 20)).complete, true);
  assert.deepEqual(await content(store), before);
});

test('the state may change as soon as saving has begun', async () => {
  const store = createMemoryStore();
  const state = stateAt(20);
  const saving = saveCheckpoint(store, { recipeHash, fingerprint, state, shards, owned: everyShard, signal });
  state.master.fill(-1);
  state.scalars = { ...state.scalars, step: 21 };
  await saving;
  assert.deepEqual((await load(store)).state, stateAt(20));
});

const nothing = new Uint8Array();
const damages: readonly { what: string; part: string; bytes: Uint8Array; reason: RegExp }[] = [
  { what: 'a torn part', part: 'shard-01', bytes: new Uint8Array(7), reason: /does not match its hash/ },
  { what: 'a part with other bytes', part: 'shard-02', bytes: new Uint8Array(192), reason: /does not match its hash/ },
  { what: 'an empty manifest', part: 'manifest.json', bytes: nothing, reason: /not JSON/ },
  { what: 'a manifest of something else', part: 'manifest.json', bytes: Buffer.from('{}'), reason: /its own hash/ },
];
for (const { what, part, bytes, reason } of damages)
  test(`${what} is told by its hash, and the checkpoint before it is used`, async () => {
    const store = createMemoryStore();
    await save(store, 20);
    await save(store, 40);
    await damage(store, 40, part, bytes);
    const { state, warnings } = await load(store);
    assert.deepEqual(state, stateAt(20));
    assert.equal(warnings.length, 1);
    assert.equal(warnings[0]!.name, 'CheckpointDamaged');
    assert.match((warnings[0]!.facts as { reason: string }).reason, reason);
    // Training that comes by again makes it whole.
    await save(store, 40);
    assert.deepEqual((await load(store)).state, stateAt(40));
  });

test('a missing part and a manifest in a foreign place are passed over', async () => {
  const store = createMemoryStore();
  await save(store, 20);
  await save(store, 40);
  await store.remove((await keys(store)).find((key) => key.includes('0000000040/shard-00'))!);
  const manifests = (await keys(store)).filter((key) => key.endsWith('manifest.json'));
  const copied = (await content(store)).get(manifests[0]!)!;
  await store.write(manifests[0]!.replace('0000000020', '0000000060'), Buffer.from(copied, 'base64'));
  await store.write(manifests[0]!.replace(recipeHash, 'b'.repeat(64)), Buffer.from(copied, 'base64'));
  const { step, warnings } = await load(store);
  assert.equal(step, 20);
  assert.deepEqual(
    warnings.map(({ facts }) => (facts as { step: number }).step),
    [60, 40],
  );
  const foreign = await load(store, 'b'.repeat(64));
  assert.equal(foreign.step, undefined);
  assert.match((foreign.warnings[0]!.facts as { reason: string }).reason, /belongs to recipe aaaa/);
});

test('checkpoints that are collected while one looks at them: the newer one that took their place is loaded', async () => {
  const store = createMemoryStore();
  await save(store, 20);
  await save(store, 40);
  let others: Promise<unknown> | undefined;
  const trainOn = async () => {
    await save(store, 60);
    await save(store, 80);
    await collectCheckpoints(store, { recipeHash, keepLast: 2, signal });
  };
  const busy: Store = {
    ...store,
    async read(key, options) {
      others ??= trainOn();
      await others;
      return store.read(key, options);
    },
  };
  assert.deepEqual((await load(busy)).state, stateAt(80));
});

test('a checkpoint of machines that compute otherwise is an error that says which', async () => {
  const store = createMemoryStore();
  await save(store, 20);
  const other = { fingerprint: 'e'.repeat(64), machine: 'arm64, another processor' };
  await assert.rejects(
    loadLatestCheckpoint(store, { recipeHash, numerics: other, vectorLength: 64, warn: assert.fail, signal }),
    {
      name: 'NumericsClassGone',
      facts: { step: 20, there: 'f'.repeat(12), here: 'e'.repeat(12), machine: other.machine },
    },
  );
});

test('a checkpoint of another adapter is passed over', async () => {
  const store = createMemoryStore();
  await save(store, 20);
  const warnings: string[] = [];
  const warn = ({ message }: EspalierError) => warnings.push(message);
  assert.equal(await loadLatestCheckpoint(store, { recipeHash, numerics, vectorLength: 80, warn, signal }), undefined);
  assert.match(warnings[0]!, /64 numbers instead of 80/);
});

test('different bytes for one shard of one step are reported, never completed', async () => {
  const store = createMemoryStore();
  await save(store, 20, [0, 1]);
  const state = stateAt(20);
  state.master[0] = 99;
  await assert.rejects(saveCheckpoint(store, { recipeHash, fingerprint, state, shards, owned: [0, 2], signal }), {
    name: 'CheckpointDiverged',
  });
  assert.equal((await load(store)).step, undefined);
});

test('a store that cannot be read is an error and not a missing checkpoint', async () => {
  const store = createMemoryStore();
  await save(store, 20);
  const failing = withFaults(store, ({ kind }) =>
    kind === 'read' ? { when: 'before', error: new Error('down') } : undefined,
  );
  await assert.rejects(load(failing), /down/);
});

test('collection keeps the newest, never fewer than two, and drops what never became complete before them', async () => {
  const store = createMemoryStore();
  for (const step of [20, 40, 60, 80]) await save(store, step);
  await save(store, 50, [0]);
  await save(store, 100, [2]);
  assert.deepEqual(await collectCheckpoints(store, { recipeHash, keepLast: 3, signal }), [20, 50]);
  assert.deepEqual(await completeSteps(store, recipeHash, signal), [80, 60, 40]);
  assert.deepEqual(await collectCheckpoints(store, { recipeHash, keepLast: 1, signal }), [40]);
  assert.deepEqual(await completeSteps(store, recipeHash, signal), [80, 60]);
  assert.ok(
    (await keys(store)).some((key) => key.includes('0000000100')),
    'one that is being written stays',
  );
});

test('an interrupted collection leaves no checkpoint that looks whole', async () => {
  const store = createMemoryStore();
  for (const step of [20, 40, 60]) await save(store, step);
  let removed = 0;
  const failing = withFaults(store, ({ kind }) =>
    kind === 'remove' && removed++ === 1 ? { when: 'before', error: new Error('gone') } : undefined,
  );
  await assert.rejects(collectCheckpoints(failing, { recipeHash, keepLast: 2, signal }), /gone/);
  assert.deepEqual(await completeSteps(store, recipeHash, signal), [60, 40]);
  assert.ok((await keys(store)).some((key) => key.includes('0000000020')));
});
