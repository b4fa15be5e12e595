import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { programUrl } from '../common/programs.js';

const main = fileURLToPath(programUrl('espalier'));

function start(...argv: string[]) {
  const child = spawn(process.execPath, [main, ...argv], { stdio: ['pipe', 'pipe', 'pipe'] });
  const outcome = Promise.all([exitOf(child), text(child.stdout), text(child.stderr)]);
  return { child, outcome };
}

async function exitOf(child: ChildProcess): Promise<number | string> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return code ?? signal ?? 'none';
}

test('a real process exits 0 with what was asked for, and 2 with a coded error', async () => {
  const [exit, out, err] = await start('--version').outcome;
  assert.deepEqual([exit, err], [0, '']);
  assert.match(out, /^\d+\.\d+\.\d+\n$/);

  const [wrongExit, wrongOut] = await start('vaildate', '--json').outcome;
  assert.equal(wrongExit, 2);
  assert.deepEqual(JSON.parse(wrongOut), {
    event: 'error',
    code: 'ESP-9002',
    name: 'CommandUnknown',
    message: 'no command vaildate',
    remedy: 'did you mean validate?',
    facts: { written: 'vaildate', nearest: ['validate'] },
  });
});

test('Ctrl-C while a manifest is read from a pipe ends with 130 and says so', async () => {
  const { child, outcome } = start('validate', '-', '--json');
  // More than a pipe holds: the write ends only once the command reads, so its signal handlers are in place.
  await new Promise((resolve) => child.stdin.write(`# ${'x'.repeat(1 << 20)}\n`, resolve));
  child.kill('SIGINT');
  const [exit, out, err] = await outcome;
  assert.equal(exit, 130);
  assert.equal((JSON.parse(out) as { name: string }).name, 'Interrupted');
  assert.match(err, /stopping; once more ends at once/);
});

test('a reader that goes away early is no crash', async () => {
  const child = spawn(process.execPath, [main, '--help'], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  const [exit, err] = await Promise.all([exitOf(child), text(child.stderr)]);
  assert.deepEqual([exit, err], [0, '']);
});
