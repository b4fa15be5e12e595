import assert from 'node:assert/strict';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { EspalierError } from '../api/errors.js';
import { readStart } from './config.js';

const refused = (what: RegExp) => (error: unknown) =>
  EspalierError.is(error, 'SettingInvalid') && what.test(error.facts.what);

async function file(text: string): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'espalier-')), 'controller.json');
  await writeFile(path, text);
  return path;
}

test('a start without its file, its namespace or with a file that does not fit says what is wrong', async () => {
  await assert.rejects(readStart({}, 1), refused(/is not set/));
  await assert.rejects(readStart({ ESPALIER_CONFIG: '/nowhere/x.json' }, 1), refused(/ENOENT/));
  await assert.rejects(readStart({ ESPALIER_CONFIG: await file('{') }, 1), refused(/not JSON/));
  await assert.rejects(readStart({ ESPALIER_CONFIG: await file('{"release": 3}') }, 1), refused(/release/));
});
