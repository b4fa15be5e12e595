import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import { type ClientTls, type ServerTls, service, type Transport } from '../proto/transport.js';
import { manifestKey, recipePrefix } from './artifacts/manifest.js';
import { verifyPublished } from './artifacts/verify.js';
import { type Checkpointer, createCheckpointer } from './checkpoints.js';
import type { WorkerConfig } from './config.js';
import { createEventLog, type EventLog } from './eventLog.js';
import { createExchange } from './exchange/driver.js';
import { awaitPublication, exportAndPublish } from './finish.js';
import { type OpenedJob, openJob, openStoreAt } from './openJob.js';
import { createPublicationWatch } from './publicationWatch.js';
import { runRecord } from './record.js';
import { workerService } from './service.js';
import type { Store } from './store/store.js';
import { tellError, tellStep, tokensOf } from './tell.js';
import { exchangedSteps } from './train/leaves.js';
import type { StepOutcome } from './train/state.js';
import { createTrainee, recipeFacts } from './train/trainee.js';
import { createViewBox, type ViewBox } from './views.js';

/** How a worker shows who it is, to whom it answers, and whom it takes for a member. */
export interface WorkerTls {
  readonly server: ServerTls;
  readonly to: (member: string) => ClientTls;
}

export interface WorkerDeps {
  readonly transport: Transport;
  /** Absent on one machine: there the job's token is enough. */
  readonly tls?: WorkerTls;
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  /** Aborted to leave: hand over, checkpoint, end. */
  readonly leave: AbortController;
  /** Bytes of memory at the peak so far. */
  readonly peakRssBytes: () => number;
  /** Watches over the training, until it is disposed of. */
  readonly watchdog: (options: { readonly member: string; readonly log: Logger }) => Disposable;
}

/** `finished`: the artifact is published and verified. `left`: stopped early, resumable. */
export type WorkerOutcome = 'finished' | 'left';

/** What all parts of a worker's life share. */
interface Life {
  readonly config: WorkerConfig;
  readonly deps: WorkerDeps;
  readonly events: EventLog;
  readonly views: ViewBox;
  readonly startedAtMs: number;
  readonly phase: (name: string, detail?: string) => void;
}

/** One worker's life, from recipe to published adapter. Throws coded errors, which are also told as the last event. */
export async function runWorker(config: WorkerConfig, deps: WorkerDeps): Promise<WorkerOutcome> {
  const events = createEventLog(deps.clock);
  const phase = (name: string, detail = '') => {
    deps.log.info(name, detail === '' ? {} : { detail });
    events.append({ phase: { phase: name, detail } });
  };
  const life: Life = { config, deps, events, views: createViewBox(events), startedAtMs: deps.clock.now(), phase };

  const output = await openStoreAt(config.output.store, deps);
  // One that starts when all is done: nothing is opened, nothing is trained.
  if (await output.stat(manifestKey(config.recipeHash), { signal: deps.leave.signal })) {
    await alreadyPublished(output, life);
    return 'finished';
  }
  phase('opening');
  const job = await openJob(config, { ...deps, signal: deps.leave.signal });
  try {
    return await train(job, output, life);
  } finally {
    await Promise.all(job.engines.map((engine) => engine.close()));
  }
}

/** Serves the other workers and trains with them; the last step's end is the publication. */
async function train(job: OpenedJob, output: Store, life: Life): Promise<WorkerOutcome> {
  const { config, deps, events, views, phase } = life;
  const { transport, tls, clock, log, leave } = deps;
  const { recipe, hash, tokens } = job.prepared;
  const outcomes: StepOutcome[] = [];
  const checkpointer = checkpointerOf(job, life);
  const enough = new AbortController();
  const watch = createPublicationWatch({
    store: output,
    recipeHash: hash,
    clock,
    log,
    signal: leave.signal,
    onFound: () => enough.abort(new DOMException('others have published it', 'AbortError')),
  });
  const trainee = createTrainee({
    recipe,
    tokens,
    engines: job.engines,
    state: job.state,
    beforeLeaf: () => watch.beforeLeaf(),
    beforeApply: () => checkpointer.settled(),
    onApplied: (step, outcome) => {
      outcomes[step] = outcome;
      watch.moved();
      checkpointer.applied(step);
    },
  });
  const exchange = createExchange({
    self: config.member,
    recipe: recipeFacts(recipe, hash),
    trainee,
    numerics: job.numerics,
    others: { views, transport, token: config.token, ...(tls && { tls: tls.to }) },
    ...(config.assignment && { assignment: config.assignment }),
    clock,
    log,
  });
  const stop = (reason: string) => leave.abort(new DOMException(reason, 'AbortError'));
  const listening = await transport.listen(
    [exchange.service, service('Worker', workerService({ events, views, stop }))],
    { address: config.listen, token: config.token, log, ...(tls && { tls: tls.server }) },
  );
  try {
    events.append({ numerics: { ...job.numerics } });
    phase('training', `from step ${trainee.nextStep} of ${recipe.training.steps}`);
    const last = exchangedSteps(recipe);
    const untilStep = Math.min(config.untilStep ?? last, last);
    const signal = AbortSignal.any([leave.signal, enough.signal]);
    {
      using _watchdog = deps.watchdog({ member: config.member, log });
      for await (const report of exchange.run({ untilStep, signal })) {
        log.info('committed', { step: report.step, leaves: report.leavesComputedHere });
        tellStep(report, {
          prepared: job.prepared,
          state: job.state,
          events,
          outcome: outcomes[report.step],
          peakRssBytes: deps.peakRssBytes(),
        });
      }
    }
    if (watch.found) {
      await alreadyPublished(output, life);
      return 'finished';
    }
    return await end(job, output, life, checkpointer, trainee.nextStep === last);
  } catch (error) {
    tellError(error, events);
    throw error;
  } finally {
    // A launcher that is slow to read its last events must not keep a finished worker alive.
    await events.close(AbortSignal.timeout(2000));
    await exchange.close();
    await listening.close();
  }
}

const checkpointerOf = ({ prepared, state, checkpoints, numerics }: OpenedJob, { config, deps, events, views }: Life) =>
  createCheckpointer({
    store: checkpoints,
    recipe: prepared.recipe,
    recipeHash: prepared.hash,
    member: config.member,
    state,
    view: () => views.current,
    everySteps: config.checkpoint.everySteps,
    keepLast: config.checkpoint.keepLast,
    clock: deps.clock,
    log: deps.log,
    fingerprint: numerics.fingerprint,
    onSaved: (step) => events.append({ checkpoint: { step, url: checkpoints.url(prepared.hash) } }),
  });

/** A whole training is published; one that was stopped is saved, to go on later. */
async function end(
  job: OpenedJob,
  output: Store,
  life: Life,
  checkpointer: Checkpointer,
  trained: boolean,
): Promise<WorkerOutcome> {
  const { deps, phase } = life;
  if (deps.leave.signal.aborted || !trained) {
    phase('checkpointing');
    await checkpointer.saveNow();
    phase('left', `at step ${job.state.scalars.step}`);
    return 'left';
  }
  await checkpointer.settled();
  phase('publishing');
  try {
    await publishOnce(job, output, life);
  } catch (error) {
    // Whoever goes on from here must not train the last steps again.
    await checkpointer.saveNow().catch((failure: unknown) => {
      deps.log.warn('a checkpoint could not be saved', { error: String(failure) });
    });
    // Asked to leave meanwhile, perhaps because another one could not publish: no fault of this one.
    if (!(deps.leave.signal.aborted && isAbort(error))) throw error;
    phase('left', 'before it was published');
    return 'left';
  }
  phase('done');
  return 'finished';
}

/** Others have done it all: what they published is read back, as by one's own publication. */
async function alreadyPublished(store: Store, { config, events, phase }: Life): Promise<void> {
  const { adapterSha256 } = await verifyPublished(store, config.recipeHash);
  events.append({ artifact: { url: store.url(`${recipePrefix(config.recipeHash)}/`), adapterSha256 } });
  phase('done', 'it was published already');
}

/** The first member publishes; the others wait for it, and take its place should it die. */
async function publishOnce(job: OpenedJob, store: Store, life: Life): Promise<void> {
  const { config, deps, events, views } = life;
  const { clock, leave } = deps;
  const mine = () => isFirst(views, config.member);
  const { signal } = leave;
  const published = mine() ? undefined : await awaitPublication(store, job.prepared.hash, { clock, mine, signal });
  const { url, adapterSha256 } =
    published === undefined
      ? await exportAndPublish({
          prepared: job.prepared,
          base: job.base,
          adapter: job.state.master,
          record: recordOf(job, life),
          merged: config.output.merged,
          store,
          workFolder: config.workFolder,
          signal,
        })
      : { url: store.url(`${recipePrefix(job.prepared.hash)}/`), adapterSha256: published };
  events.append({ artifact: { url, adapterSha256 } });
}

function recordOf({ prepared, base, state, numerics }: OpenedJob, { config, deps, views, startedAtMs }: Life) {
  const { spent } = config;
  const steps = prepared.recipe.batches.map((_, step) => step);
  return runRecord(prepared, base, state.scalars, {
    startedAtMs: (spent?.launchedAtMs ?? startedAtMs) - (spent?.secondsBefore ?? 0) * 1000,
    finishedAtMs: deps.clock.now(),
    trainedTokens: steps.reduce((sum, step) => sum + tokensOf(prepared, step), 0),
    peakRssBytes: deps.peakRssBytes(),
    workers: views.current?.members.length ?? 1,
    espalierVersion: deps.version,
    fingerprint: numerics.fingerprint,
  });
}

const isFirst = (views: ViewBox, member: string): boolean =>
  views.current?.members.filter(({ joined }) => joined)[0]?.id === member;

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';
