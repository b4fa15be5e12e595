import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { EspalierError } from '../../api/errors.js';
import { freshPrefix } from '../../test/support/s3Bucket.js';
import { startVersitygw } from '../../test/support/versitygw.js';
import { createDirectoryStore } from '../store/directory.js';
import type { Store } from '../store/store.js';
import { collectCheckpoints, completeSteps, saveCheckpoint } from './checkpoint.js';
import { loadLatestCheckpoint } from './loadCheckpoint.js';
import type { Shard } from './norm.js';
import { initialState, type TrainState } from './state.js';

const { signal } = new AbortController();
const fingerprint = 'f'.repeat(64);
const numerics = { fingerprint, machine: 'this machine' };
const recipeHash = 'c'.repeat(64);
const floats = 1_000_000;
const shards: readonly Shard[] = [
  [0, 400_000],
  [400_000, 800_000],
  [800_000, floats],
];

function stateAt(step: number): TrainState {
  const state = initialState(Float32Array.from({ length: floats }, (_, index) => index / 3 + step));
  state.mean.fill(step / 7);
  state.scalars = { ...state.scalars, step, losses: [1.5, null] };
  return state;
}

/** Three workers save at the same moment, one shard each; a damaged checkpoint is passed over; old ones go. */
async function story(store: Store): Promise<void> {
  for (const step of [10, 20, 30]) {
    const saved = await Promise.all(
      shards.map((_, shard) =>
        saveCheckpoint(store, { recipeHash, fingerprint, state: stateAt(step), shards, owned: [shard], signal }),
      ),
    );
    assert.ok(saved.some(({ complete }) => complete));
  }
  const warnings: EspalierError[] = [];
  const load = () =>
    loadLatestCheckpoint(store, {
      recipeHash,
      numerics,
      vectorLength: floats,
      warn: (reason) => warnings.push(reason),
      signal,
    });
  assert.deepEqual(await load(), stateAt(30));

  for await (const { key } of store.list(`${recipeHash}/0000000030/shard-01`))
    await store.write(key, new Uint8Array(9));
  assert.deepEqual((await load())?.scalars.step, 20);
  assert.deepEqual(
    warnings.map(({ name }) => name),
    ['CheckpointDamaged'],
  );

  assert.deepEqual(await collectCheckpoints(store, { recipeHash, keepLast: 2, signal }), [10]);
  assert.deepEqual(await completeSteps(store, recipeHash, signal), [30, 20]);
}

test('checkpoints of three workers in a folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-checkpoint-'));
  try {
    await story(createDirectoryStore(folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('checkpoints of three workers in S3', async () => {
  await using server = await startVersitygw();
  await story(freshPrefix(server.connection, server.bucket));
});
