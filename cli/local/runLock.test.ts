import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import { lockRun } from './runLock.js';

const root = await mkdtemp(join(tmpdir(), 'run-lock-'));
after(() => rm(root, { recursive: true, force: true }));
const folder = (name: string) => join(root, name);

test('a run that a living process holds is RunBusy, and free again after it', async () => {
  {
    await using _lock = await lockRun(folder('held'));
    await assert.rejects(
      lockRun(folder('held')),
      (error) => EspalierError.is(error, 'RunBusy') && error.facts.pid === process.pid,
    );
  }
  await using _again = await lockRun(folder('held'));
  assert.deepEqual(await readdir(folder('held')), ['launcher']);
});

test('a lock whose process is gone is taken over, and so is one whose pid belongs to another process now', async () => {
  for (const [name, owner] of [
    ['gone', `${hostname()}:4194304:1`],
    ['another', `${hostname()}:${process.pid}:1`],
  ] as const) {
    await (await lockRun(folder(name)))[Symbol.asyncDispose]();
    await writeFile(join(folder(name), 'launcher'), owner);
    await using _lock = await lockRun(folder(name));
  }
});
