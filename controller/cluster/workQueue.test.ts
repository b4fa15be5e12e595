import assert from 'node:assert/strict';
import { test } from 'node:test';
import { aClock } from '../../test/support/aClock.js';
import { createWorkQueue } from './workQueue.js';

function setup({ concurrency = 2, random = () => 1 } = {}) {
  const clock = aClock();
  const queue = createWorkQueue({ clock, random, concurrency });
  const stop = new AbortController();
  return { clock, queue, stop };
}
const turn = async () => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
};

test('a key is worked on by one at a time, and once more for all that was added meanwhile', async () => {
  const { queue, stop } = setup();
  const worked: string[] = [];
  const gates: (() => void)[] = [];
  const running = queue.run(async (key) => {
    worked.push(key);
    await new Promise<void>((resolve) => gates.push(resolve));
    return undefined;
  }, stop.signal);
  queue.add('a');
  await turn();
  for (const key of ['a', 'a', 'b', 'a', 'c']) queue.add(key);
  await turn();
  assert.deepEqual(worked, ['a', 'b']);
  gates.shift()!();
  await turn();
  assert.deepEqual(worked, ['a', 'b', 'a']);
  stop.abort();
  for (const open of gates) open();
  await running;
  assert.equal(queue.waiting, 1);
});

test('a key comes when it is due, the earliest wish counting', async () => {
  const { clock, queue, stop } = setup();
  const worked: string[] = [];
  const running = queue.run(async (key) => {
    worked.push(`${key}@${clock.monotonic()}`);
    return key === 'again' && worked.length < 5 ? 1000 : undefined;
  }, stop.signal);
  queue.add('late', 60_000);
  queue.add('late', 500);
  queue.add('again');
  await turn();
  for (let i = 0; i < 30; i++) {
    clock.advance(100);
    await turn();
  }
  assert.deepEqual(worked, ['again@0', 'late@500', 'again@1000', 'again@2000', 'again@3000']);
  stop.abort();
  await running;
});

test('what fails comes again after ever longer pauses, and success forgets them', async () => {
  const { clock, queue, stop } = setup();
  const at: number[] = [];
  const running = queue.run(async () => {
    at.push(clock.monotonic());
    if (at.length < 5) throw new Error('the API server is away');
    return undefined;
  }, stop.signal);
  queue.add('a');
  await turn();
  for (let i = 0; i < 100; i++) {
    clock.advance(100);
    await turn();
  }
  assert.deepEqual(at, [0, 500, 1500, 3500, 7500]);
  stop.abort();
  await running;
});

test('what is urgent goes before what has been due for less than five seconds, and only that', async () => {
  const { clock, queue, stop } = setup({ concurrency: 1 });
  const worked: string[] = [];
  let open = () => {};
  const running = queue.run(async (key) => {
    worked.push(key);
    await new Promise<void>((resolve) => {
      open = resolve;
    });
    return undefined;
  }, stop.signal);
  const next = async () => {
    open();
    await turn();
  };
  queue.add('first');
  await turn();
  queue.add('old');
  clock.advance(5001);
  queue.add('ordinary');
  queue.add('urgent', 0, 'urgent');
  queue.add('other');
  queue.add('other', 0, 'urgent');
  queue.add('first', 0, 'urgent');
  for (let i = 0; i < 5; i++) await next();
  assert.deepEqual(worked, ['first', 'old', 'urgent', 'other', 'first', 'ordinary']);
  stop.abort();
  open();
  await running;
});
