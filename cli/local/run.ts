import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { EspalierError, fail } from '../../api/errors.js';
import { quantityBytes } from '../../api/fields.js';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';
import { manifestKey, recipePrefix } from '../../worker/artifacts/manifest.js';
import type { RunRecord } from '../../worker/artifacts/record.js';
import { verifyPublished } from '../../worker/artifacts/verify.js';
import type { StoreReference } from '../../worker/config.js';
import { availableMemory } from '../../worker/engine/memory.js';
import type { StrategyName } from '../../worker/engine/strategy/strategy.js';
import type { SecretOf } from '../../worker/preflight/places.js';
import type { Prepared } from '../../worker/preflight/prepare.js';
import { engineSetup } from '../../worker/recipe/engineSetup.js';
import { writePrepared } from '../../worker/recipe/prepared.js';
import type { Store } from '../../worker/store/store.js';
import type { Deps, JobContext } from '../deps.js';
import type { CliEvent, ProgressEvent } from '../events.js';
import { download } from './download.js';
import { inOrder } from './inOrder.js';
import { launchWorkers, WorkerFailure } from './launch.js';
import { memoryOf } from './memory.js';
import { planMemory } from './memoryPlan.js';
import { prepareLocally, runFolder } from './prepare.js';
import { lockRun } from './runLock.js';

export interface LocalRunOptions {
  readonly workers: number;
  readonly bases?: readonly string[] | undefined;
  readonly endpoint?: string | undefined;
  readonly secretOf?: SecretOf | undefined;
  /** What the user would type to go on after Ctrl-C. */
  readonly again: string;
}

export interface LocalRun {
  readonly prepared: Prepared;
  readonly record: RunRecord;
  readonly artifact: string;
  /** Local copy of what was published. */
  readonly directory: string;
  readonly peakRssBytes: number;
}

/** One job on this machine, from manifest to read-back artifact, told as events. */
export async function* runLocally(
  job: FineTuneJob,
  context: JobContext,
  deps: Deps,
  options: LocalRunOptions,
): AsyncGenerator<CliEvent, LocalRun> {
  const prepared = yield* prepareLocally(job, context, { ...options, clock: deps.clock });
  return yield* runPrepared(job, prepared, context, deps, options);
}

/** The same for a job that is prepared already. */
export async function* runPrepared(
  job: FineTuneJob,
  prepared: Prepared,
  context: JobContext,
  deps: Deps,
  options: LocalRunOptions,
): AsyncGenerator<CliEvent, LocalRun> {
  const { signal, workingDirectory } = deps;
  const strategy = yield* checkMemory(job, prepared, options.workers);

  const { hash } = prepared.compiled;
  const folder = runFolder(workingDirectory, hash);
  await using _lock = await lockRun(folder);
  const destination = destinationOf(job, prepared, context);
  const { destination: written, connection } = job.spec.output;
  const store = await prepared.places.store(written, connection);
  let peakRssBytes = 0;
  if (await store.stat(manifestKey(hash), { signal }))
    yield { event: 'phase', phase: 'train', state: 'ended', detail: 'this recipe was already trained and published' };
  else {
    await writePrepared(join(folder, 'prepared'), prepared.compiled, prepared.record);
    peakRssBytes = yield* train(prepared, { folder, destination, strategy }, deps, options);
  }

  yield { event: 'phase', phase: 'read the artifact back', state: 'started' };
  await verifyPublished(store, hash, { signal });
  const directory = await localCopy(store, destination, hash, join(folder, 'artifacts'), deps);
  const record = JSON.parse(await readFile(join(directory, 'espalier.json'), 'utf8')) as RunRecord;
  const artifact = store.url(`${recipePrefix(hash)}/`);
  yield { event: 'phase', phase: 'read the artifact back', state: 'ended', detail: artifact };
  // The artifact is safe: what only served to get there goes.
  for (const part of ['checkpoints', 'views']) await rm(join(folder, part), { recursive: true, force: true });
  return { prepared, record, artifact, directory, peakRssBytes: peakRssBytes || record.cost.peakRssBytes };
}

function* checkMemory(
  job: FineTuneJob,
  { base, compiled }: Prepared,
  workers: number,
): Generator<CliEvent, StrategyName> {
  const { memoryBudget, engines = Math.max(1, Math.floor(availableParallelism() / workers)) } = job.spec.workers;
  const availableBytes = availableMemory();
  const budgetBytes = memoryBudget === undefined ? Number.POSITIVE_INFINITY : quantityBytes(memoryBudget);
  const machine = { workers, engines, availableBytes, budgetBytes };
  const setup = engineSetup(compiled.recipe, base, 'whole');
  const { strategy, needBytes, sharedBytes } = planMemory(setup, compiled.recipe.shapes, machine);
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  yield {
    event: 'report',
    title: 'memory',
    lines: [
      `${workers} workers with ${engines} engines each need ${gib(needBytes)}, ${gib(availableBytes)} are available; strategy ${strategy}`,
      `${gib(sharedBytes)} of weights are shared by all workers of a machine`,
    ],
    data: { needBytes, availableBytes, sharedBytes, engines, workers, strategy },
  };
  return strategy;
}

async function* train(
  prepared: Prepared,
  { folder, destination, strategy }: { folder: string; destination: StoreReference; strategy: StrategyName },
  deps: Deps,
  { workers, again }: LocalRunOptions,
): AsyncGenerator<CliEvent, number> {
  const { clock, signal, cacheDirectory, env } = deps;
  const { record, base, compiled } = prepared;
  const { checkpoint, output, workers: wanted } = record.job.spec;
  const progress = createProgress(workers, compiled.recipe.training.steps);
  yield {
    event: 'phase',
    phase: 'train',
    state: 'started',
    detail: `${workers} workers, logs in ${join(folder, 'logs')}`,
  };
  const startedAtMs = clock.monotonic();
  let peakRssBytes = 0;
  try {
    yield* inOrder<CliEvent, void>((tell) =>
      launchWorkers({
        workers,
        config: {
          recipeHash: compiled.hash,
          preparedFolder: join(folder, 'prepared'),
          baseFolder: base.directory,
          cacheFolder: cacheDirectory,
          engines: wanted.engines,
          strategy,
          checkpoint: { store: { url: join(folder, 'checkpoints') }, ...checkpoint },
          output: { store: destination, merged: output.merged },
        },
        folder,
        env,
        clock,
        signal,
        onPids: (pids) =>
          void memoryOf([process.pid, ...pids]).then((bytes) => {
            peakRssBytes = Math.max(peakRssBytes, bytes);
            progress.memory(bytes);
          }),
        onEvent: (worker, event) => {
          const told = progress.take(worker, event);
          if (told) tell(told);
        },
      }),
    );
  } catch (error) {
    if (error instanceof WorkerFailure) {
      yield { event: 'log', worker: error.worker, file: error.logFile, lines: error.lines };
      throw error.error;
    }
    if (signal.aborted && !(error instanceof EspalierError)) fail('Interrupted', { resume: again }, { cause: error });
    throw error;
  }
  const seconds = (clock.monotonic() - startedAtMs) / 1000;
  yield { event: 'phase', phase: 'train', state: 'ended', detail: `${compiled.recipe.training.steps} steps`, seconds };
  return peakRssBytes;
}

/** Every worker tells every step; the first to tell one counts. */
function createProgress(workers: number, steps: number) {
  let lastStep = -1;
  let rssBytes = 0;
  const rates: number[] = [];
  return {
    memory(bytes: number) {
      rssBytes = bytes;
    },
    take(worker: string, { step, checkpoint, phase }: WorkerEvent): CliEvent | undefined {
      if (checkpoint) return undefined;
      if (phase?.phase === 'publishing' && worker.startsWith('worker-0'))
        return { event: 'phase', phase: 'publish', state: 'started' };
      if (!step || step.step <= lastStep) return undefined;
      lastStep = step.step;
      rates.push(step.stepMs);
      const recent = rates.slice(-8);
      const meanMs = recent.reduce((sum, ms) => sum + ms, 0) / recent.length;
      const done: ProgressEvent = {
        event: 'progress',
        step: step.step + 1,
        steps,
        loss: Number.isFinite(step.loss) ? step.loss : null,
        tokensPerSecond: step.tokensPerSecond,
        etaSeconds: (meanMs * (steps - step.step - 1)) / 1000,
        rssBytes,
        workers: step.members || workers,
      };
      return done;
    },
  };
}

/** `s3://` with its endpoint, or a folder as an absolute path. */
function destinationOf(job: FineTuneJob, { places }: Prepared, { directory }: JobContext): StoreReference {
  const { destination, connection } = job.spec.output;
  if (!destination.startsWith('s3://')) return { url: resolve(directory, destination) };
  const { endpoint, region } = places.connection(connection);
  return { url: destination, ...(endpoint && { endpoint }), ...(region && { region }) };
}

/** A folder is its own copy; an object store is read back into the run's folder. */
async function localCopy(
  store: Store,
  { url }: StoreReference,
  hash: string,
  folder: string,
  { signal }: Deps,
): Promise<string> {
  const published = join(url, recipePrefix(hash));
  if (!url.startsWith('s3://') && existsSync(published)) return published;
  await download(store, hash, folder, signal);
  return folder;
}
