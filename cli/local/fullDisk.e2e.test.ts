import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { after, test } from 'node:test';
import { aLocalPlace, processesOf } from '../../test/support/localJob.js';

const place = await aLocalPlace();
after(() => place[Symbol.asyncDispose]());
await mkdir(place.path('run'));

const argv = ['run', '../job.json', '--workers', '2', '--out', '../out'];

/** The working folder of a run, and with it `.espalier`, on a file system of this size that goes with the process. */
const inSmallFolder = (size: string) => ({
  cwd: place.path('run'),
  wrapper: [
    'unshare',
    '-rm',
    'sh',
    '-c',
    `mount -t tmpfs -o size=${size} tmpfs . && cd "$PWD" && "$@"; code=$?; cat .espalier/runs/*/launcher.log >../launcher.txt 2>&1; exit $code`,
    'sh',
  ],
});

// The recipe finds no room, then the settings of a worker, then a view or a checkpoint, then the export.
for (const size of ['4k', '16k', '32k', '48k', '64k', '96k', '128k', '192k'])
  test(`with ${size} for the run's own folder a run ends as DiskFull and leaves nobody behind`, async () => {
    const end = await place.run(argv, inSmallFolder(size));
    const log = await readFile(place.path('launcher.txt'), 'utf8');
    assert.deepEqual([end.last?.name, end.exit], ['DiskFull', 2], `${end.err}${JSON.stringify(end.last)}\n${log}`);
    assert.deepEqual(await processesOf(place.folder), []);
  });

test('with room the same command ends well', async () => {
  const end = await place.run(argv, inSmallFolder('64m'));
  assert.equal(end.exit, 0, `${end.err}${JSON.stringify(end.last)}`);
});
