import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runInProcess } from '../../test/support/aCli.js';
import { createDirectoryStore } from '../../worker/store/directory.js';
import { saveCheckpoint } from '../../worker/train/checkpoint.js';
import { initialState } from '../../worker/train/state.js';
import { lockRun } from '../local/runLock.js';
import { gc } from './gc.js';

async function aPlace(): Promise<{ folder: string; run: (name: string) => string } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-gc-'));
  const run = (name: string) => join(folder, '.espalier', 'runs', name);
  for (const name of ['aaaa00001111', 'bbbb00001111']) {
    await mkdir(join(run(name), 'logs'), { recursive: true });
    await writeFile(join(run(name), 'logs', 'worker-0.log'), 'x'.repeat(1000));
  }
  return { folder, run, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}

const collect = async (folder: string, ...words: string[]) => {
  const { out } = await runInProcess(['gc', ...words, '--json'], {
    commands: [gc],
    deps: { workingDirectory: folder },
  });
  const { event, ...fields } = JSON.parse(out) as Record<string, unknown>;
  assert.equal(event, 'result');
  return fields;
};

test('gc removes the runs that are named, and nothing when only asked what it would do', async () => {
  await using place = await aPlace();
  const all = { removed: ['aaaa00001111'], kept: ['bbbb00001111'], freedBytes: 1000 };
  assert.deepEqual((await collect(place.folder, 'cccc')).removed, []);
  assert.deepEqual(await collect(place.folder, 'aaaa00001111', '--dry-run'), { ...all, dryRun: true });
  assert.ok(existsSync(place.run('aaaa00001111')));
  assert.deepEqual(await collect(place.folder, 'aaaa'), { ...all, dryRun: false });
  assert.ok(!existsSync(place.run('aaaa00001111')));
});

test('a run that is being trained stays, however old', async () => {
  await using place = await aPlace();
  await using _lock = await lockRun(place.run('bbbb00001111'));
  const { removed, kept } = await collect(place.folder, '--older-than-days', '0');
  assert.deepEqual({ removed, kept }, { removed: ['aaaa00001111'], kept: ['bbbb00001111'] });
});

test('gc thins out the checkpoints of every recipe below a place, never below two', async () => {
  await using place = await aPlace();
  const store = createDirectoryStore(join(place.folder, 'checkpoints'));
  const { signal } = new AbortController();
  const recipeHash = 'c'.repeat(64);
  for (const step of [3, 6, 9]) {
    const state = initialState(new Float32Array(16));
    state.scalars = { ...state.scalars, step };
    const options = { recipeHash, fingerprint: 'f', state, shards: [[0, 16]], owned: [0], signal } as const;
    await saveCheckpoint(store, options);
  }
  const { removed } = await collect(place.folder, '--checkpoints', './checkpoints');
  assert.deepEqual(removed, [{ recipeHash, steps: [3] }]);
  assert.deepEqual((await collect(place.folder, '--checkpoints', './checkpoints')).removed, [
    { recipeHash, steps: [] },
  ]);
});
