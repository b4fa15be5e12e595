import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { packageRoot } from '../../common/root.js';

let root: string;
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'espalier-base-race-'));
});
after(() => rm(root, { recursive: true }));

/** A process of its own that resolves `m.gguf` in the folder and prints `{ sha256 }` or `{ name, facts }`. */
const program = (folder: string): string => `
  import { resolveBase } from '${new URL('./resolve.js', import.meta.url)}';
  import { aBaseDeps } from '${new URL('../../test/support/baseDeps.js', import.meta.url)}';
  import { systemClock } from '${new URL('../../common/clock.js', import.meta.url)}';
  const deps = aBaseDeps(${JSON.stringify(folder)}, { clock: systemClock });
  const print = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
  const converted = () => deps.messages.filter((message) => message.startsWith('converting')).length;
  try {
    const base = await resolveBase({ sources: ['m.gguf'] }, deps);
    print({ sha256: base.sha256, converted: converted() });
  } catch (error) {
    print({ name: error.name, facts: error.facts });
  }`;

async function resolveElsewhere(folder: string, limit = ''): Promise<Record<string, unknown>> {
  const command = `${limit} exec "$0" --input-type=module -e "$1"`;
  const child: ChildProcess = spawn('bash', ['-c', command, process.execPath, program(folder)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += String(chunk);
  });
  await new Promise((resolve) => child.on('close', resolve));
  return JSON.parse(output) as Record<string, unknown>;
}

async function aFolder(): Promise<string> {
  const folder = await mkdtemp(join(root, 'case-'));
  await copyFile(join(packageRoot(), 'test/golden/gguf/llama-spm.gguf'), join(folder, 'm.gguf'));
  return folder;
}

describe('the float32 cache between processes', () => {
  it('is filled by one of several that start together', async () => {
    const folder = await aFolder();
    const results = await Promise.all(Array.from({ length: 4 }, () => resolveElsewhere(folder)));
    assert.equal(new Set(results.map(({ sha256 }) => sha256)).size, 1);
    assert.equal(
      results.reduce((sum, { converted }) => sum + Number(converted), 0),
      1,
    );
    assert.equal((await readdir(join(folder, 'cache/bases'))).length, 1);
  });

  it('leaves nothing behind when the disk fills up while it is written', async () => {
    const folder = await aFolder();
    // A limit on file size stands in for a full disk: the write fails in the same place. Units of 1 KiB.
    const limited = await resolveElsewhere(folder, 'ulimit -f 64;');
    assert.equal(limited.name, 'DiskFull');
    assert.deepEqual(await readdir(join(folder, 'cache/bases')), []);
    assert.match(String((await resolveElsewhere(folder)).sha256), /^[0-9a-f]{64}$/);
  });
});
