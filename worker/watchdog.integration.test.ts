import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const watchdog = new URL('./watchdog.js', import.meta.url).href;
const refusing =
  '{ info: (message) => { throw new Error(message); }, warn: (message) => { throw new Error(message); } }';
/** A process with a watchdog, that then does this. */
const child = (work: string): readonly string[] => [
  process.execPath,
  '--input-type=module',
  '-e',
  `import { startWatchdog } from ${JSON.stringify(watchdog)};
   const watchdog = startWatchdog({ member: 'a', log: ${refusing}, mostBusyMs: 300 });
   setTimeout(() => { ${work} }, 600);`,
];
const run = ([program, ...args]: readonly string[]) =>
  spawnSync(program!, args, { encoding: 'utf8', timeout: 60_000, killSignal: 'SIGTERM' });

const lineOf = (stderr: string): unknown => {
  const { name, code, member } = JSON.parse(stderr.split('\n').find((line) => line.startsWith('{'))!);
  return { name, code, member };
};
const spinning = { name: 'WorkerSpinning', code: 'ESP-9106', member: 'a' };

test('a process whose main thread computes for ever ends, and says why', () => {
  const { signal, stderr } = run(child('for (;;);'));
  assert.equal(signal, 'SIGKILL');
  assert.deepEqual(lineOf(stderr), spinning);
});

test('so does process 1 of a container, which nothing inside it can kill', () => {
  const { stderr, signal, error } = run(['unshare', '-rpf', '--mount-proc', '--kill-child', ...child('for (;;);')]);
  assert.deepEqual(lineOf(stderr), spinning);
  assert.deepEqual([signal, error], ['SIGTRAP', undefined]);
});

test('one that stands still without computing, one that is not watched any more, and one that ends by itself, live', () => {
  const still = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500); process.exit(5);';
  const freed =
    'watchdog[Symbol.dispose](); const until = Date.now() + 1500; while (Date.now() < until); process.exit(6);';
  assert.deepEqual([run(child(still)).status, run(child(freed)).status, run(child('')).status], [5, 6, 0]);
});
