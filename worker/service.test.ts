import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError } from '../api/errors.js';
import type { View } from '../elastic/view.js';
import type { WorkerEventInput } from '../proto/generated/espalier/v1/WorkerEvent.js';
import { createEventLog } from './eventLog.js';
import { createViewBox } from './views.js';

const never = new AbortController().signal;
const view = (number: number, ...ids: string[]): View => ({
  number,
  members: ids.map((id) => ({ id, address: `unix:${id}`, joined: true })),
});

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of source) found.push(one);
  return found;
}

const phases = (events: readonly WorkerEventInput[]) => events.map(({ sequence, phase }) => [sequence, phase?.phase]);

test('a watcher begins where it left off and is told all that came before and after, in order', async () => {
  const log = createEventLog({ now: () => 5 });
  for (const phase of ['opening', 'training', 'done']) log.append({ phase: { phase, detail: '' } });
  const late = all(log.after(1, never));
  log.append({ phase: { phase: 'gone', detail: '' } });
  await log.close(never);
  assert.deepEqual(phases(await late), [
    [2, 'training'],
    [3, 'done'],
    [4, 'gone'],
  ]);
});

test('closing waits for a watcher that is behind, but no longer than its signal', async () => {
  const log = createEventLog({ now: () => 0 });
  log.append({ phase: { phase: 'done', detail: '' } });
  const slow = log.after(0, never)[Symbol.asyncIterator]();
  await slow.next();
  const patience = new AbortController();
  const closed = log.close(patience.signal);
  patience.abort();
  await closed;
  assert.equal((await slow.next()).done, true);
});

test('of the steps only the newest four thousand are kept, of everything else all', async () => {
  const log = createEventLog({ now: () => 0 });
  log.append({ phase: { phase: 'training', detail: '' } });
  for (let step = 0; step < 4100; step++) log.append({ step: { step } });
  await log.close(never);
  const events = await all(log.after(0, never));
  assert.equal(events.length, 1 + 4096);
  assert.deepEqual([events[0]?.phase?.phase, events[1]?.step?.step, events.at(-1)?.step?.step], ['training', 4, 4099]);
});

test('a newer view replaces an older one, an older one is left alone, and two unlike ones of one number are ViewConflict', () => {
  const box = createViewBox(createEventLog({ now: () => 0 }));
  assert.deepEqual([box.set(view(2, 'a')), box.set(view(1, 'b')), box.set(view(2, 'a'))], [2, 2, 2]);
  assert.deepEqual(box.current, view(2, 'a'));
  assert.throws(
    () => box.set(view(2, 'a', 'b')),
    (error) => EspalierError.is(error, 'ViewConflict') && error.facts.there === 'a b',
  );
  assert.equal(box.set(view(3, 'b')), 3);
});

test('whoever follows the views gets the last one first, then each newer one, until its signal', async () => {
  const box = createViewBox(createEventLog({ now: () => 0 }));
  box.set(view(1, 'a'));
  box.set(view(2, 'a', 'b'));
  const stop = new AbortController();
  const seen: number[] = [];
  for await (const { number } of box.views(stop.signal)) {
    seen.push(number);
    if (number === 2) box.set(view(5, 'a'));
    else stop.abort();
  }
  assert.deepEqual(seen, [2, 5]);
});
