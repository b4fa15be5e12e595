import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runInProcess } from '../../test/support/aCli.js';
import { cacheDirectory } from '../cacheDirectory.js';
import { cacheLs, cacheRm } from './cache.js';

const commands = [cacheLs, cacheRm];
const time = new Date('2026-05-06T07:08:09Z');

async function aCache(): Promise<{ directory: string; bases: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), 'espalier-cache-'));
  const bases = join(directory, 'bases');
  for (const [name, size] of [
    ['smol-b179', 3000],
    ['qwen-00aa', 500],
  ] as const) {
    await mkdir(join(bases, name, 'inner'), { recursive: true });
    await writeFile(join(bases, name, 'inner', 'model.safetensors'), new Uint8Array(size));
    for (const path of ['inner/model.safetensors', 'inner', '']) await utimes(join(bases, name, path), time, time);
  }
  return { directory, bases, [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) };
}

test('cache ls names each base with its size and age, in order', async () => {
  await using cache = await aCache();
  const { out } = await runInProcess(['cache', 'ls', '--json'], {
    commands,
    deps: { cacheDirectory: cache.directory },
  });
  const modified = time.toISOString();
  assert.deepEqual(JSON.parse(out), {
    event: 'result',
    folder: cache.bases,
    bases: [
      { name: 'qwen-00aa', sizeBytes: 500, modified },
      { name: 'smol-b179', sizeBytes: 3000, modified },
    ],
    totalBytes: 3500,
  });
});

test('a cache that does not exist yet is empty', async () => {
  const run = await runInProcess(['cache', 'ls'], { commands, deps: { cacheDirectory: '/nowhere' } });
  assert.deepEqual(run, { exit: 0, out: '0 bases, 0 B in /nowhere/bases\n', err: '' });
});

test('cache rm removes what is named, or all', async () => {
  await using cache = await aCache();
  const deps = { cacheDirectory: cache.directory };
  const one = await runInProcess(['cache', 'rm', 'smol-b179'], { commands, deps });
  assert.deepEqual(one, { exit: 0, out: 'removed smol-b179\n2.9 KiB freed\n', err: '' });
  assert.deepEqual(await readdir(cache.bases), ['qwen-00aa']);
  assert.equal((await runInProcess(['cache', 'rm', '--all'], { commands, deps })).exit, 0);
  assert.deepEqual(await readdir(cache.bases), []);
});

test('cache rm of an unknown name, or of a path, removes nothing and offers the nearest name', async () => {
  await using cache = await aCache();
  const deps = { cacheDirectory: cache.directory };
  const typo = await runInProcess(['cache', 'rm', 'qwen-00aa', 'smol-b178'], { commands, deps });
  assert.equal(typo.exit, 2);
  assert.match(typo.err, /CachedBaseUnknown: the cache holds no base smol-b178\n {2}remedy did you mean smol-b179\?/);
  assert.equal((await runInProcess(['cache', 'rm', '../bases'], { commands, deps })).exit, 2);
  assert.match(
    (await runInProcess(['cache', 'rm'], { commands, deps })).err,
    /ArgumentInvalid: espalier cache rm: NAME is missing/,
  );
  assert.deepEqual((await readdir(cache.bases)).sort(), ['qwen-00aa', 'smol-b179']);
});

test('the cache lies where the environment says', () => {
  assert.deepEqual(
    [
      { ESPALIER_CACHE: '/a', XDG_CACHE_HOME: '/b', HOME: '/home/u' },
      { XDG_CACHE_HOME: '/b', HOME: '/home/u' },
      { HOME: '/home/u', XDG_CACHE_HOME: '' },
    ].map(cacheDirectory),
    ['/a', '/b/espalier', '/home/u/.cache/espalier'],
  );
});
