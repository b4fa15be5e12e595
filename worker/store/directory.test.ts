import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { keysOf, readText, rejectsWith, storeContract, text } from '../../test/contracts/store.js';
import { createDirectoryStore } from './directory.js';
import { ownerName } from './owner.js';

const root = await mkdtemp(join(tmpdir(), 'directory-store-'));
after(() => rm(root, { recursive: true, force: true }));
const freshFolder = () => mkdtemp(join(root, 'store-'));

storeContract('directory', async () => createDirectoryStore(await freshFolder()));

test('objects are plain files of their names, and no unfinished write is left beside them', async () => {
  const folder = await freshFolder();
  await createDirectoryStore(folder).write('a/b.txt', text('plain'));
  assert.equal(await readFile(join(folder, 'a', 'b.txt'), 'utf8'), 'plain');
  assert.deepEqual(await readdir(join(folder, '.espalier-parts')), []);
});

test('two stores on one folder agree on etags and on who wins', async () => {
  const folder = await freshFolder();
  const [one, two] = [createDirectoryStore(folder), createDirectoryStore(folder)];
  await one.write('k', text('start'));
  const ifMatch = (await two.stat('k'))?.etag ?? '';
  const writers = [one, two, one, two].map((store, index) => store.write('k', text(`writer ${index}`), { ifMatch }));
  const results = await Promise.all(writers);
  assert.equal(results.filter((result) => result === 'written').length, 1);
  assert.equal(await readText(two, 'k'), `writer ${results.indexOf('written')}`);
});

test('a file that somebody changes under the store gets another etag', async () => {
  const folder = await freshFolder();
  const store = createDirectoryStore(folder);
  await store.write('k', text('one'));
  const before = await store.stat('k');
  await writeFile(join(folder, 'k'), 'two');
  assert.notEqual((await store.stat('k'))?.etag, before?.etag);
});

test('what another process removes meanwhile is there or not there to stat and list, never an error', async () => {
  const folder = await freshFolder();
  const theirs = createDirectoryStore(folder);
  const keys = Array.from({ length: 8 }, (_, index) => `passing/${index}`);
  for (let round = 0; round < 30; round++) {
    await Promise.all(keys.map((key) => theirs.write(key, text(`${key} ${round}`))));
    // One that has not seen these files before reads them for their etags.
    const store = createDirectoryStore(folder);
    const listing = keysOf(store.list('passing/'));
    await Promise.all([listing, ...keys.map((key) => store.stat(key)), ...keys.map((key) => rm(join(folder, key)))]);
    for (const key of await listing) assert.ok(keys.includes(key), key);
  }
  assert.deepEqual(await keysOf(theirs.list('passing/')), []);
});

test('an object cannot lie below an object, nor take the name of a folder of objects', async () => {
  const store = createDirectoryStore(await freshFolder());
  await store.write('a/b', text('x'));
  await rejectsWith('KeyInvalid', () => store.write('a', text('x'), { ifAbsent: true }));
  await rejectsWith('KeyInvalid', () => store.write('a', text('x')));
  await rejectsWith('KeyInvalid', () => store.write('a/b/c', text('x')));
  assert.equal(await store.stat('a'), undefined);
  assert.equal(await store.stat('a/b/c'), undefined);
});

test('links to files are objects, links to folders are not followed', async () => {
  const folder = await freshFolder();
  const outside = await freshFolder();
  await writeFile(join(outside, 'weights'), 'w');
  await mkdir(join(folder, 'sub'));
  await symlink(join(outside, 'weights'), join(folder, 'sub', 'weights'));
  await symlink(outside, join(folder, 'link'));
  assert.deepEqual(await keysOf(createDirectoryStore(folder).list('')), ['sub/weights']);
});

test('the lock of a process that is gone does not hold anybody up, that of a living one does', async () => {
  const folder = await freshFolder();
  const parts = join(folder, '.espalier-parts');
  await mkdir(parts, { recursive: true });
  // No process has pid 2^22 + 1: it is beyond the kernel's limit.
  await writeFile(join(parts, 'lock-1'), ownerName().replace(/:\d+:/, ':4194305:'));
  const store = createDirectoryStore(folder);
  assert.equal(await store.write('k', text('x')), 'written');
  await writeFile(join(parts, 'lock-2'), ownerName());
  let now = 0;
  const clock = {
    now: () => now,
    monotonic: () => now,
    sleep: async (delayMs: number) => {
      now += delayMs;
    },
  };
  await rejectsWith('StoreLocked', () => createDirectoryStore(folder, { clock }).write('k', text('y')));
  assert.equal(await readText(store, 'k'), 'x');
});

test('unfinished writes of processes that are gone are removed, those of living ones stay', async () => {
  const folder = await freshFolder();
  const parts = join(folder, '.espalier-parts');
  await mkdir(parts, { recursive: true });
  const living = `part-${ownerName()}-00`;
  await writeFile(join(parts, living), 'half');
  await writeFile(join(parts, `part-${ownerName().replace(/:\d+:/, ':4194305:')}-00`), 'half');
  await createDirectoryStore(folder).write('k', text('x'));
  assert.deepEqual(await readdir(parts), [living]);
});

test('a root that is no folder is named', async () => {
  const folder = await freshFolder();
  await writeFile(join(folder, 'file'), '');
  await rejectsWith('FolderUnusable', () => createDirectoryStore(join(folder, 'file')).write('k', text('x')));
});
