import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, test } from 'node:test';
import { socketFolder } from './socketFolder.js';

const parent = await mkdtemp(join(tmpdir(), 'sockets-'));
after(() => rm(parent, { recursive: true, force: true }));

test('folders of launchers that were killed are removed at the next start, those of living ones and of other hosts stay', async () => {
  const mine = basename(await socketFolder(parent));
  const host = mine.split('-')[1]!;
  const dead = `espalier-${host}-4194304-1-abcdef`;
  const elsewhere = 'espalier-01234567-4194304-1-abcdef';
  const other = 'espalier-local-abcdef';
  for (const name of [dead, elsewhere, other]) await mkdir(join(parent, name));
  await writeFile(join(parent, dead, 'worker-0.sock'), '');
  const next = basename(await socketFolder(parent));
  assert.deepEqual((await readdir(parent)).sort(), [elsewhere, mine, next, other].sort());
});
