import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EspalierError, fail } from '../../api/errors.js';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import { manifestKey, recipePrefix } from '../../worker/artifacts/manifest.js';
import type { RunRecord } from '../../worker/artifacts/record.js';
import { verifyPublished } from '../../worker/artifacts/verify.js';
import type { Destination } from '../../worker/preflight/destination.js';
import { writePrepared } from '../../worker/recipe/prepared.js';
import type { Deps, JobContext } from '../deps.js';
import type { CliEvent } from '../events.js';
import { download } from './download.js';
import { ifThereIsRoom, namingFullDisk } from './fullDisk.js';
import { inOrder } from './inOrder.js';
import { launchWorkers, WorkerFailure } from './launch.js';
import { memoryOf } from './memory.js';
import { type LocalJob, type LocalPrepareOptions, prepareLocally, runFolder } from './prepare.js';
import { createProgress } from './progress.js';
import { lockRun } from './runLock.js';
import { readSpent, writeSpent } from './spent.js';

export interface LocalRun {
  readonly prepared: LocalJob;
  readonly record: RunRecord;
  readonly artifact: string;
  /** Local copy of what was published. */
  readonly directory: string;
  readonly peakRssBytes: number;
}

/** One job on this machine, from manifest to read-back artifact, told as events. `again`: what the user types to go on. */
export async function* runLocally(
  job: FineTuneJob,
  context: JobContext,
  deps: Deps,
  { again, ...options }: Omit<LocalPrepareOptions, 'clock'> & { readonly again: string },
): AsyncGenerator<CliEvent, LocalRun> {
  const prepared = yield* prepareLocally(job, context, { ...options, clock: deps.clock });
  return yield* runPrepared(prepared, deps, again);
}

/** The same for a job that is prepared already. */
export async function* runPrepared(prepared: LocalJob, deps: Deps, again: string): AsyncGenerator<CliEvent, LocalRun> {
  const folder = runFolder(deps.workingDirectory, prepared.compiled.hash);
  try {
    return yield* runIn(folder, prepared, deps, again);
  } catch (error) {
    return namingFullDisk(folder, error);
  }
}

async function* runIn(
  folder: string,
  prepared: LocalJob,
  deps: Deps,
  again: string,
): AsyncGenerator<CliEvent, LocalRun> {
  const { signal } = deps;
  const { hash } = prepared.compiled;
  const { store } = prepared.destination;
  await using _lock = await lockRun(folder);
  let peakRssBytes = 0;
  if (await store.stat(manifestKey(hash), { signal }))
    yield { event: 'phase', phase: 'train', state: 'ended', detail: 'this recipe was already trained and published' };
  else {
    await writePrepared(join(folder, 'prepared'), prepared.compiled, prepared.record);
    peakRssBytes = yield* train(prepared, folder, deps, again);
  }

  yield { event: 'phase', phase: 'read the artifact back', state: 'started' };
  await verifyPublished(store, hash, { signal });
  const directory = await localCopy(prepared.destination, hash, join(folder, 'artifacts'), deps);
  const record = JSON.parse(await readFile(join(directory, 'espalier.json'), 'utf8')) as RunRecord;
  const artifact = store.url(`${recipePrefix(hash)}/`);
  yield { event: 'phase', phase: 'read the artifact back', state: 'ended', detail: artifact };
  await sweep(folder);
  return { prepared, record, artifact, directory, peakRssBytes: peakRssBytes || record.cost.peakRssBytes };
}

const spentEveryMs = 2000;

/** Starts the workers and follows them to the end. @returns the most memory that all processes held together, in bytes. */
async function* train(prepared: LocalJob, folder: string, deps: Deps, again: string): AsyncGenerator<CliEvent, number> {
  const { clock, signal } = deps;
  const { fit, compiled } = prepared;
  const { steps } = compiled.recipe.training;
  const progress = createProgress(fit.workers, steps);
  const detail = `${fit.workers === 1 ? '1 worker' : `${fit.workers} workers`}, logs in ${join(folder, 'logs')}`;
  yield { event: 'phase', phase: 'train', state: 'started', detail };
  const before = await readSpent(folder);
  const startedAtMs = clock.monotonic();
  const seconds = () => (clock.monotonic() - startedAtMs) / 1000;
  let peakRssBytes = before.peakRssBytes;
  let writtenAtMs = startedAtMs;
  const measure = async (pids: readonly number[]): Promise<void> => {
    const bytes = await memoryOf([process.pid, ...pids]);
    peakRssBytes = Math.max(peakRssBytes, bytes);
    progress.memory(bytes);
    // A launcher may be killed at any moment: what was spent until then must not be forgotten.
    if (clock.monotonic() - writtenAtMs < spentEveryMs) return;
    writtenAtMs = clock.monotonic();
    await ifThereIsRoom(writeSpent(folder, { seconds: before.seconds + seconds(), peakRssBytes }));
  };
  try {
    yield* inOrder<CliEvent, void>((tell) =>
      launchWorkers({
        workers: fit.workers,
        config: workersConfig(prepared, folder, deps, before.seconds),
        folder,
        env: deps.env,
        clock,
        signal,
        onPids: measure,
        onEvent: (_worker, event) => {
          const told = progress.take(event);
          if (told) tell(told);
        },
      }),
    );
  } catch (error) {
    await ifThereIsRoom(writeSpent(folder, { seconds: before.seconds + seconds(), peakRssBytes }));
    if (error instanceof WorkerFailure) {
      yield { event: 'log', worker: error.worker, file: error.logFile, lines: error.lines };
      throw error.error;
    }
    if (signal.aborted && !(error instanceof EspalierError)) fail('Interrupted', { resume: again }, { cause: error });
    throw error;
  }
  yield { event: 'phase', phase: 'train', state: 'ended', detail: `${steps} steps`, seconds: seconds() };
  return peakRssBytes;
}

/** What all workers are told alike. */
function workersConfig(
  { record, base, compiled, destination, fit }: LocalJob,
  folder: string,
  { cacheDirectory, clock }: Deps,
  secondsBefore: number,
) {
  const { checkpoint, output } = record.job.spec;
  return {
    recipeHash: compiled.hash,
    preparedFolder: join(folder, 'prepared'),
    baseFolder: base.directory,
    cacheFolder: cacheDirectory,
    engines: fit.engines,
    strategy: fit.strategy,
    checkpoint: { store: { url: join(folder, 'checkpoints') }, ...checkpoint },
    output: { store: destination.reference, merged: output.merged },
    spent: { launchedAtMs: clock.now(), secondsBefore },
  };
}

/** A folder is its own copy; an object store is read back into the run's folder. */
async function localCopy(
  { store, reference: { url } }: Destination,
  hash: string,
  folder: string,
  { signal }: Deps,
): Promise<string> {
  const published = join(url, recipePrefix(hash));
  if (existsSync(published)) return published;
  await download(store, hash, folder, signal);
  return folder;
}

/** The artifact is safe: what only served to get there goes, logs and the copy stay. */
async function sweep(folder: string): Promise<void> {
  const served = (name: string) => ['checkpoints', 'views', 'spent.json'].includes(name) || /^worker-\d+$/.test(name);
  for (const name of (await readdir(folder)).filter(served))
    await rm(join(folder, name), { recursive: true, force: true });
}
