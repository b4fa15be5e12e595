import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import { aJobResource, aStep } from '../../test/support/aJobResource.js';
import { JobIndex } from './jobIndex.js';
import type { JobChanged } from './jobs.js';

const never = new AbortController().signal;
const everything = async () => true;
const said = (change: JobChanged): string =>
  change.kind === 'SYNCED' ? 'SYNCED' : `${change.kind} ${change.job.name} ${change.job.progress?.step ?? 0}`;

/** Reads a watch one change at a time. */
function reader(index: JobIndex, after = '', filter: Parameters<JobIndex['changes']>[0] = {}, signal = never) {
  const iterator = index.changes(filter, after, signal)[Symbol.asyncIterator]();
  let token = after;
  const next = async (): Promise<string> => {
    const { value } = (await iterator.next()) as { value: JobChanged };
    token = value.token;
    return said(value);
  };
  return { next, take: async (count: number) => await inTurn(count, next), token: () => token };
}

async function inTurn<T>(count: number, next: () => Promise<T>): Promise<T[]> {
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(await next());
  return items;
}

function filled(...names: string[]): JobIndex {
  const index = new JobIndex('e1');
  for (const name of names) index.put(aJobResource(name));
  return index;
}

test('a watch tells the jobs as they are, that this was all, then each change', async () => {
  const index = filled('a', 'b');
  const watch = reader(index);
  assert.deepEqual(await watch.take(3), ['ADDED a 0', 'ADDED b 0', 'SYNCED']);
  index.observe({ namespace: 'team', name: 'b' }, 'w0', aStep(0));
  assert.equal(await watch.next(), 'CHANGED b 1');
  index.put(aJobResource('c'));
  index.remove({ namespace: 'team', name: 'a' });
  assert.deepEqual(await watch.take(2), ['ADDED c 0', 'REMOVED a 0']);
});

test('a slow reader gets the newest state of each job once, whatever happened in between', async () => {
  const index = filled('a', 'b');
  const watch = reader(index);
  await watch.take(3);
  for (let step = 0; step < 1000; step++)
    for (const name of ['a', 'b']) index.observe({ namespace: 'team', name }, 'w0', aStep(step));
  index.put(aJobResource('gone'));
  index.remove({ namespace: 'team', name: 'gone' });
  index.put(aJobResource('end'));
  assert.deepEqual(await watch.take(3), ['CHANGED a 1000', 'CHANGED b 1000', 'ADDED end 0']);
});

test('a job that changes while a reader is at the one before it is told later, as new, and synced comes after it', async () => {
  const index = filled('a', 'b');
  const watch = reader(index);
  assert.equal(await watch.next(), 'ADDED a 0');
  index.observe({ namespace: 'team', name: 'b' }, 'w0', aStep(4));
  assert.deepEqual(await watch.take(2), ['ADDED b 5', 'SYNCED']);
});

test('a token resumes right after its change: nothing twice, nothing lost, removals too', async () => {
  const index = filled('a', 'b', 'c');
  const first = reader(index);
  await first.take(4);
  index.observe({ namespace: 'team', name: 'a' }, 'w0', aStep(0));
  assert.equal(await first.next(), 'CHANGED a 1');
  index.remove({ namespace: 'team', name: 'b' });
  index.put(aJobResource('d'));
  const again = reader(index, first.token());
  assert.deepEqual(await again.take(3), ['REMOVED b 0', 'ADDED d 0', 'SYNCED']);
});

test('tokens of another controller, of the future, too old ones and other text are refused', async () => {
  const index = filled('a');
  const why = async (token: string) => {
    const error = await reader(index, token)
      .next()
      .catch((cause: unknown) => cause);
    assert.ok(EspalierError.is(error, 'ResumeTokenInvalid'));
    return error.facts.why;
  };
  assert.equal(await why('e0.1'), 'the controller was started again');
  assert.equal(await why('e1.99'), 'it is of the future');
  assert.equal(await why('x'), 'it is not a token of this service');
  for (let i = 0; i < 1030; i++) {
    index.put(aJobResource(`short-${i}`));
    index.remove({ namespace: 'team', name: `short-${i}` });
  }
  assert.equal(await why('e1.1'), 'it is too old');
});

test('a job made again under its name is another job', async () => {
  const index = filled('a');
  const watch = reader(index);
  await watch.take(2);
  index.observe({ namespace: 'team', name: 'a' }, 'w0', aStep(7));
  index.put(aJobResource('a', { uid: 'second' }));
  assert.deepEqual(await watch.take(2), ['REMOVED a 0', 'ADDED a 0']);
  assert.equal(index.get({ namespace: 'team', name: 'a' })?.uid, 'second');
});

test('filters go by namespace and name; an abort ends the wait', async () => {
  const index = filled('a', 'b');
  index.put(aJobResource('a', { namespace: 'other', uid: 'o' }));
  assert.deepEqual(await reader(index, '', { name: 'a' }).take(3), ['ADDED a 0', 'ADDED a 0', 'SYNCED']);
  const abort = new AbortController();
  const watch = reader(index, '', { namespace: 'other' }, abort.signal);
  await watch.take(2);
  const waiting = watch.next();
  abort.abort(new Error('enough'));
  await assert.rejects(waiting, /enough/);
});

test('pages go on where the last one ended, though jobs come and go', async () => {
  const index = filled('e', 'a', 'c');
  const list = (size: number, token: string) => index.list({}, { size, token }, everything);
  const first = await list(2, '');
  assert.deepEqual(first.jobs.map(({ name }) => name), ['a', 'c']); // biome-ignore format: one thought
  index.remove({ namespace: 'team', name: 'c' });
  index.put(aJobResource('b'));
  index.put(aJobResource('d'));
  const second = await list(2, first.next!);
  assert.deepEqual([second.jobs.map(({ name }) => name), second.next], [['d', 'e'], undefined]);
  await assert.rejects(list(2, 'nonsense!'), (error) => EspalierError.is(error, 'QueryInvalid'));
});

test('states filter without regard to case; a job nobody has looked at is pending', async () => {
  const index = filled('fresh');
  index.put(aJobResource('busy', { status: { state: 'Training' } }));
  const names = async (...states: string[]) =>
    (await index.list({ states }, { size: 9, token: '' }, everything)).jobs.map(({ name }) => name);
  assert.deepEqual(await names('training'), ['busy']);
  assert.deepEqual(await names('PENDING', 'Training'), ['busy', 'fresh']);
});

test('metric points come once per step whoever tells them, an evaluation sends its point again, the end ends them', async () => {
  const index = filled('a');
  const key = { namespace: 'team', name: 'a' };
  for (const worker of ['w0', 'w1']) for (const step of [0, 1]) index.observe(key, worker, aStep(step));
  const points: string[] = [];
  const reading = (async () => {
    for await (const point of index.points(key, 0, never)) {
      points.push(`${point.step} ${point.evaluationLoss ?? '-'}`);
      if (points.length === 2)
        index.observe(key, 'w0', { timeMs: 9, evaluation: { step: 1, loss: 2.5, generalLoss: 0 } } as never);
      if (points.length === 3) index.put(aJobResource('a', { status: { state: 'Complete' } }));
    }
  })();
  await reading;
  assert.deepEqual(points, ['0 -', '1 -', '1 2.5']);
  const later: number[] = [];
  for await (const { step } of index.points(key, 1, never)) later.push(step);
  assert.deepEqual(later, []);
});

test('a long curve stays bounded, keeps its evaluations and its newest points', async () => {
  const index = filled('a');
  const key = { namespace: 'team', name: 'a' };
  for (let step = 0; step < 20_000; step++) {
    index.observe(key, 'w0', aStep(step, 3));
    if (step === 100) index.observe(key, 'w0', { timeMs: 9, evaluation: { step, loss: 2, generalLoss: 0 } } as never);
  }
  index.put(aJobResource('a', { status: { state: 'Complete' } }));
  const steps: number[] = [];
  for await (const { step } of index.points(key, 0, never)) steps.push(step);
  assert.ok(steps.length <= 1024, `${steps.length} points`);
  assert.ok(steps.includes(100) && steps.includes(0));
  assert.deepEqual(steps.slice(-3), [19_997, 19_998, 19_999]);
  assert.deepEqual(
    steps,
    [...steps].sort((a, b) => a - b),
  );
});

test('when workers begin again from a checkpoint their steps take the place of those told before', async () => {
  const index = filled('a');
  const key = { namespace: 'team', name: 'a' };
  for (const step of [0, 1, 2, 3]) index.observe(key, 'w0', aStep(step));
  const told: string[] = [];
  const points = index.points(key, 0, never)[Symbol.asyncIterator]();
  const next = async () => {
    const { step, loss } = (await points.next()).value as { step: number; loss: number };
    told.push(`${step} ${loss}`);
  };
  for (let i = 0; i < 4; i++) await next();
  index.startOver(key);
  for (const worker of ['w8', 'w9']) index.observe(key, worker, aStep(2, 9));
  await next();
  assert.deepEqual(told, ['0 4', '1 3.9', '2 3.8', '3 3.7', '2 9']);
  assert.deepEqual([index.get(key)?.progress?.step, index.get(key)?.progress?.last?.loss], [3, 9]);
});

test('checkpoints, artifacts, events and workers are kept, the newest few of each', async () => {
  const index = filled('a');
  const key = { namespace: 'team', name: 'a' };
  index.setWorkers(key, [{ uid: 'w0', id: 'a-0-0', node: 'n', joined: true }]);
  const events = [];
  for (let step = 0; step < 40; step++) {
    index.observe(key, 'w0', { timeMs: 5000 + step, checkpoint: { step, url: `s3://c/${step}` } } as never);
    events.push({ timeMs: step, type: 'Normal', reason: 'CheckpointSaved', message: `step ${step}` });
  }
  index.setEvents(key, events);
  index.setEvents(key, [], 'uid-of-an-earlier-life');
  index.observe(key, 'w0', { timeMs: 1, artifact: { url: 's3://a', adapterSha256: 'ff' } } as never);
  const job = index.get(key)!;
  assert.deepEqual(job.artifacts, [{ url: 's3://a', kind: 'adapter', sha256: 'ff' }]);
  assert.deepEqual([job.checkpoints?.length, job.checkpoints?.at(-1)?.url], [16, 's3://c/39']);
  assert.deepEqual([job.events?.length, job.events?.at(-1)?.message], [40, 'step 39']);
  assert.deepEqual(job.workers, [{ id: 'a-0-0', node: 'n', joined: true, heardMs: 1 }]);
});
