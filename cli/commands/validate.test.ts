import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import { runInProcess } from '../../test/support/aCli.js';
import { aJob } from '../../test/support/aJob.js';
import type { JobContext, Prepare } from '../deps.js';
import { validate } from './validate.js';

const commands = [validate];
const manifest = JSON.stringify(aJob());

async function aFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'espalier-validate-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

test('validate reads the file with its overrides, prepares the job and tells what was found', async () => {
  await using folder = await aFolder();
  await writeFile(join(folder.path, 'job.json'), manifest);
  const seen: { job: FineTuneJob; context: JobContext }[] = [];
  const prepare: Prepare = async function* (job, context) {
    seen.push({ job, context });
    yield { event: 'report', title: 'data', lines: ['96 rows'], data: { rows: 96 } };
  };
  const argv = ['validate', 'job.json', '--set', 'spec.training.maxSteps=7'];
  const run = await runInProcess(argv, { commands, deps: { workingDirectory: folder.path, prepare } });
  assert.deepEqual(run, { exit: 0, out: 'data\n  96 rows\nthe job a-job is valid\n', err: '' });
  assert.equal(seen[0]?.job.spec.training.maxSteps, 7);
  assert.equal(seen[0]?.context.directory, folder.path);
});

test('- reads the manifest from standard input', async () => {
  const deps = { readStdin: async () => new TextEncoder().encode(manifest) };
  assert.equal((await runInProcess(['validate', '-'], { commands, deps })).out, 'the job a-job is valid\n');
});

test('a file that is not there, is a folder or is not UTF-8 is JobUnreadable', async () => {
  await using folder = await aFolder();
  await writeFile(join(folder.path, 'latin1.yaml'), Buffer.from('name: caf\xe9', 'latin1'));
  const said = async (file: string) => {
    const { exit, err } = await runInProcess(['validate', file], { commands, deps: { workingDirectory: folder.path } });
    return `${exit} ${err.split('\n')[0]}`;
  };
  assert.equal(await said('none.yaml'), '2 error ESP-1002 JobUnreadable: cannot read none.yaml: there is no such file');
  assert.equal(await said('.'), '2 error ESP-1002 JobUnreadable: cannot read .: it is a folder');
  assert.equal(
    await said('latin1.yaml'),
    '2 error ESP-1002 JobUnreadable: cannot read latin1.yaml: it is not UTF-8 text',
  );
});

test('an invalid manifest gives every problem as data in JSON, and nothing is prepared', async () => {
  const deps = {
    readStdin: async () => new TextEncoder().encode(manifest.replace('"rank":4', '"rank":0,"r":4')),
    prepare: (): never => assert.fail('prepared an invalid job'),
  };
  const { exit, out } = await runInProcess(['validate', '-', '--json'], { commands, deps });
  const error = JSON.parse(out) as { name: string; facts: { problems: { path: string; line: number }[] } };
  assert.deepEqual([exit, error.name], [2, 'JobInvalid']);
  assert.deepEqual(
    error.facts.problems.map(({ path, line }) => [path, line]),
    [
      ['spec.method.lora.rank', 1],
      ['spec.method.lora.r', 1],
    ],
  );
});
