import assert from 'node:assert/strict';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  aLocalPlace,
  aManifest,
  type CliEnd,
  type CliEvent,
  type CliProcess,
  processesOf,
  rows,
} from '../support/localJob.js';

const place = await aLocalPlace();
after(() => place[Symbol.asyncDispose]());
await place.write('eval.jsonl', rows(6));
const { spec } = aManifest();
const manifest = (maxSteps: number) =>
  aManifest({ data: { ...spec.data, eval: { source: 'eval.jsonl' } }, training: { ...spec.training, maxSteps } });
/** Long enough for somebody to die in the middle of it. */
await place.write('job.json', manifest(60));
const shortSteps = 20;
await place.write('short.json', manifest(shortSteps));

/** A folder of its own for a run: nothing of another one is there to go on from. */
async function aRun(name: string, job: 'job' | 'short' = 'job') {
  const cwd = place.path(name);
  await mkdir(cwd, { recursive: true });
  const argv = (workers: number) => ['run', `../${job}.json`, '--workers', String(workers), '--out', 'out'];
  return {
    cwd,
    start: (workers: number, more: readonly string[] = []) => place.start([...argv(workers), ...more], { cwd }),
    finish: (workers: number, more: readonly string[] = []) => place.run([...argv(workers), ...more], { cwd }),
  };
}

const sha = (end: CliEnd): string => {
  assert.equal(end.exit, 0, `${end.err}\n${JSON.stringify(end.last)}`);
  return String(end.last!.adapterSha256);
};

const atStep = (wanted: number) => (event: CliEvent) => event.event === 'progress' && Number(event.step) >= wanted;

/** Asks again and again, since nobody tells when a process of another process ends. */
async function eventually<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let left = 3000; left > 0; left--) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('it did not come');
}

const noProcess = (cwd: string) => eventually(async () => ((await processesOf(cwd)).length === 0 ? true : undefined));

/** Pids of the workers of a run whose launcher is this child. */
const workersOf = async (cwd: string, { child }: CliProcess): Promise<readonly number[]> =>
  (await processesOf(join(cwd, '.espalier'))).filter((pid) => pid !== child.pid);

const expected = (async () => sha(await (await aRun('one')).finish(1)))();
const aShortRun = async (name: string, workers: number) => (await aRun(name, 'short')).finish(workers);

test('2, 3 and 5 workers, and a repeated run, give the SHA-256 of one worker', async () => {
  const found: string[] = [];
  for (const workers of [1, 2, 3, 5]) {
    found.push(sha(await aShortRun(`workers-${workers}`, workers)));
    assert.deepEqual(await processesOf(place.path(`workers-${workers}`)), []);
  }
  found.push(sha(await place.run(['run', 'short.json', '--out', 'repeated'])));
  assert.equal(new Set(found).size, 1, found.join());
});

test('the result object has exactly the fields that the reference names', async () => {
  const end = await aShortRun('result', 1);
  assert.equal(
    Object.keys(end.last!).join(' '),
    'event adapterSha256 recipeHash lossFirst lossLast evalLossBefore evalLossAfter generalLossBefore generalLossAfter ' +
      'trainableParameters totalParameters steps tokensPerSecond peakRssBytes workers artifact directory',
  );
  assert.ok(Object.values(end.last!).every((value) => value !== null && value !== undefined));
  const { lossFirst, lossLast, steps, directory } = end.last as unknown as Record<string, number> & {
    directory: string;
  };
  assert.equal(steps, shortSteps);
  assert.ok(lossLast! < lossFirst! / 2);
  const record = JSON.parse(await readFile(join(directory, 'espalier.json'), 'utf8')) as { adapterSha256: string };
  assert.equal(record.adapterSha256, sha(end));
});

test('a launcher that is killed in the middle leaves no process; resumed with another worker count, the SHA-256 is the same', async () => {
  const run = await aRun('launcher-killed');
  const first = run.start(2);
  await first.until(atStep(12));
  first.child.kill('SIGKILL');
  await first.ended;
  await noProcess(run.cwd);
  const end = await run.finish(3);
  assert.equal(sha(end), await expected);
  const firstStep = end.events.find(({ event }) => event === 'progress');
  assert.ok(Number(firstStep!.step) > 5, 'it began at the beginning');
});

test('a worker that is killed in the middle is replaced, the other one goes on, and the SHA-256 is the same', async () => {
  const run = await aRun('worker-killed');
  const process_ = run.start(2);
  await process_.until(atStep(8));
  const before = await workersOf(run.cwd, process_);
  process.kill(before[0]!, 'SIGKILL');
  await process_.until(atStep(40));
  assert.equal(sha(await process_.ended), await expected);
  const log = await readFile(
    join(run.cwd, '.espalier/runs', await only(join(run.cwd, '.espalier/runs')), 'launcher.log'),
    'utf8',
  );
  assert.equal(log.match(/a worker ended and is replaced/g)?.length, 1);
  assert.deepEqual(await processesOf(run.cwd), []);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  test(`${signal} to the launcher saves a checkpoint and says how to go on; doing so gives the same SHA-256`, async () => {
    const run = await aRun(signal);
    const process_ = run.start(2);
    await process_.until(atStep(12));
    process_.child.kill(signal);
    const end = await process_.ended;
    assert.deepEqual([end.exit, end.last?.name], [130, 'Interrupted']);
    assert.equal(end.last?.remedy, 'go on with: espalier run ../job.json --workers 2 --out out');
    assert.deepEqual(await processesOf(run.cwd), []);
    const again = await run.finish(2);
    assert.equal(sha(again), await expected);
    assert.ok(Number(again.events.find(({ event }) => event === 'progress')!.step) > 12, 'steps were done twice');
  });

test('workers that always die end the run as WorkersLost, with the last lines of a log, and nobody is left', async () => {
  const run = await aRun('crashing');
  const process_ = run.start(2);
  const seen = new Set<number>();
  let over = false;
  void process_.ended.then(() => {
    over = true;
  });
  await eventually(async () => {
    for (const pid of await workersOf(run.cwd, process_)) {
      if (seen.has(pid)) continue;
      seen.add(pid);
      process.kill(pid, 'SIGKILL');
    }
    return over ? true : undefined;
  });
  const end = await process_.ended;
  assert.deepEqual(
    [end.exit, end.last?.name, end.last?.code],
    [3, 'WorkersLost', 'ESP-9104'],
    JSON.stringify(end.last),
  );
  assert.ok(end.events.some(({ event, file }) => event === 'log' && String(file).endsWith('.log')));
  assert.deepEqual(await processesOf(run.cwd), []);
});

async function only(folder: string): Promise<string> {
  const [name] = await readdir(folder);
  return name!;
}
