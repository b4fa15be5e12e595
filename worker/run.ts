import { EspalierError, fail } from '../api/errors.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import { service, type Transport } from '../proto/transport.js';
import { initialAdapter } from './adapter/init.js';
import { sitesOf } from './adapter/sites.js';
import { createCheckpointer } from './checkpoints.js';
import type { StoreReference, WorkerConfig } from './config.js';
import { createEngine } from './engine/createEngine.js';
import { createEventLog, type EventLog } from './eventLog.js';
import { createExchange } from './exchange/driver.js';
import type { StepReport } from './exchange/trainee.js';
import { awaitPublication, exportAndPublish } from './finish.js';
import type { Base } from './model/base.js';
import { resolveBase } from './model/resolve.js';
import { hubSettings } from './model/sources/hubSettings.js';
import { type PreparedJob, readPrepared } from './recipe/prepared.js';
import { runRecord } from './record.js';
import { workerService } from './service.js';
import { openStore } from './store/open.js';
import type { Store } from './store/store.js';
import { exchangedSteps } from './train/leaves.js';
import { loadLatestCheckpoint } from './train/loadCheckpoint.js';
import { initialState, type StepOutcome, type TrainState } from './train/state.js';
import { createTrainee, type LocalTrainee, recipeFacts } from './train/trainee.js';
import { createViewBox, type ViewBox } from './views.js';

export interface WorkerDeps {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Logger;
  readonly version: string;
  /** Aborted to leave: hand over, checkpoint, end. */
  readonly leave: AbortController;
  /** Bytes of memory at the peak so far. */
  readonly peakRssBytes: () => number;
}

/** `finished`: the artifact is published and verified. `left`: stopped early, resumable. */
export type WorkerOutcome = 'finished' | 'left';

/** One worker's life, from recipe to published adapter. Throws coded errors, which are also told as the last event. */
export async function runWorker(config: WorkerConfig, deps: WorkerDeps): Promise<WorkerOutcome> {
  const { transport, clock, log, leave } = deps;
  const events = createEventLog(clock);
  const views = createViewBox(events);
  const startedAtMs = clock.now();
  const phase = (name: string, detail = '') => {
    log.info(name, detail === '' ? {} : { detail });
    events.append({ phase: { phase: name, detail } });
  };

  phase('opening');
  const { signal } = leave;
  const prepared = await readPrepared(config.preparedFolder, config.recipeHash);
  const base = await openBase(config, prepared, deps);
  const checkpoints = await openStoreAt(config.checkpoint.store, deps);
  const state = await openState(prepared, base, checkpoints, deps);
  const steps = prepared.recipe.training.steps;
  const engines = await Promise.all(
    Array.from({ length: config.engines }, () => createEngine(setupOf(prepared, base))),
  );

  const outcomes: StepOutcome[] = [];
  const checkpointer = createCheckpointer({
    store: checkpoints,
    recipe: prepared.recipe,
    recipeHash: prepared.hash,
    member: config.member,
    state,
    view: () => views.current,
    everySteps: config.checkpoint.everySteps,
    keepLast: config.checkpoint.keepLast,
    log,
    onSaved: (step) => events.append({ checkpoint: { step, url: checkpoints.url(prepared.hash) } }),
  });
  const trainee = createTrainee({
    recipe: prepared.recipe,
    tokens: prepared.tokens,
    engines,
    state,
    onApplied: (step, outcome) => {
      outcomes[step] = outcome;
      checkpointer.applied(step);
    },
  });
  const exchange = createExchange({
    self: config.member,
    recipe: recipeFacts(prepared.recipe, prepared.hash),
    trainee,
    others: { views, transport, token: config.token },
    clock,
    log,
  });
  const stop = (reason: string) => leave.abort(new DOMException(reason, 'AbortError'));
  const listening = await transport.listen(
    [exchange.service, service('Worker', workerService({ events, views, stop }))],
    { address: config.listen, token: config.token, log },
  );
  try {
    phase('training', `from step ${state.scalars.step} of ${steps}`);
    let trainedTokens = 0;
    const untilStep = Math.min(config.untilStep ?? Number.POSITIVE_INFINITY, exchangedSteps(prepared.recipe));
    for await (const report of exchange.run({ untilStep, signal })) {
      trainedTokens += tokensOf(prepared, report.step);
      tellStep(report, { prepared, trainee, events, outcomes, deps });
    }
    if (signal.aborted || trainee.nextStep < exchangedSteps(prepared.recipe)) {
      phase('checkpointing');
      await checkpointer.saveNow();
      phase('left', `at step ${trainee.nextStep}`);
      return 'left';
    }
    await checkpointer.settled();
    phase('publishing');
    const store = await openStoreAt(config.output.store, deps);
    const first = () => isFirst(views, config.member);
    const published = first()
      ? undefined
      : await awaitPublication(store, prepared.hash, { clock, mine: first, signal });
    if (published !== undefined) events.append({ artifact: { url: store.url(''), adapterSha256: published } });
    else {
      const workers = views.current?.members.length ?? 1;
      const measures = { startedAtMs, finishedAtMs: clock.now(), trainedTokens, peakRssBytes: deps.peakRssBytes() };
      const finished = await exportAndPublish({
        prepared,
        base,
        adapter: state.master,
        record: runRecord(prepared, base, state.scalars, { ...measures, workers, espalierVersion: deps.version }),
        merged: config.output.merged,
        store,
        workFolder: config.workFolder,
        signal,
      });
      events.append({ artifact: { url: finished.url, adapterSha256: finished.adapterSha256 } });
    }
    phase('done');
    return 'finished';
  } catch (error) {
    tellError(error, events);
    throw error;
  } finally {
    // A launcher that is slow to read its last events must not keep a finished worker alive.
    await events.close(AbortSignal.timeout(2000));
    await exchange.close();
    await Promise.all(engines.map((engine) => engine.close()));
    await listening.close();
  }
}

async function openBase(
  { baseFolder, cacheFolder }: WorkerConfig,
  prepared: PreparedJob,
  deps: WorkerDeps,
): Promise<Base> {
  const { clock, log } = deps;
  const opened = await resolveBase(
    { sources: [baseFolder] },
    {
      cacheDirectory: cacheFolder,
      hub: hubSettings({}),
      openStore: (url) => openStore(url, {}, { clock }),
      python: null,
      workingFolder: '/',
      clock,
      log,
    },
  );
  const expected = prepared.recipe.base.sha256;
  if (opened.sha256 !== expected) fail('BaseChanged', { folder: baseFolder, expected, found: opened.sha256 });
  // The folder is a copy on this machine: where the base came from stands in the job's record.
  return { ...opened, ...prepared.record.base };
}

const openStoreAt = ({ url, endpoint, region }: StoreReference, { clock }: WorkerDeps): Promise<Store> =>
  openStore(url, { endpoint, region }, { clock });

/** Where the last whole checkpoint ends, else the beginning. */
async function openState(
  { recipe, hash }: PreparedJob,
  base: Base,
  store: Store,
  deps: WorkerDeps,
): Promise<TrainState> {
  const found = await loadLatestCheckpoint(store, {
    recipeHash: hash,
    vectorLength: recipe.layout.length,
    warn: (reason) => deps.log.warn(reason.message, { code: reason.code }),
    signal: deps.leave.signal,
  });
  return found ?? initialState(initialAdapter(recipe.method, sitesOf(base.spec)));
}

const setupOf = ({ recipe }: PreparedJob, base: Base) => ({
  base: { directory: base.directory, spec: base.spec, tensors: base.tensors },
  method: recipe.method,
  layout: recipe.layout,
  seed: recipe.training.seed,
  attentionBlock: recipe.engine.attentionBlock,
  headChunk: recipe.engine.headChunk,
  strategy: recipe.engine.strategy,
  device: recipe.engine.device,
});

const isFirst = (views: ViewBox, member: string): boolean =>
  views.current?.members.filter(({ joined }) => joined)[0]?.id === member;

/** Tokens of a step's training sequences, padding not counted. */
const tokensOf = ({ recipe, tokens }: PreparedJob, step: number): number =>
  (recipe.batches[step] ?? []).reduce(
    (sum, { sequences }) => sum + sequences.reduce((row, index) => row + (tokens[index]?.ids.length ?? 0), 0),
    0,
  );

interface Telling {
  readonly prepared: PreparedJob;
  readonly trainee: LocalTrainee;
  readonly events: EventLog;
  readonly outcomes: readonly StepOutcome[];
  readonly deps: WorkerDeps;
}

function tellStep(report: StepReport, { prepared, trainee, events, outcomes, deps }: Telling): void {
  const { step, stepMs } = report;
  const { training, evaluation } = prepared.recipe;
  const evaluated = trainee.state.scalars.evaluations.find((candidate) => candidate.step === step);
  if (evaluated && evaluation.steps.includes(step))
    events.append({
      evaluation: {
        step,
        loss: evaluated.evaluation ?? Number.NaN,
        generalLoss: evaluated.general ?? Number.NaN,
      },
    });
  const outcome = outcomes[step];
  if (!outcome) return;
  events.append({
    step: {
      step,
      steps: training.steps,
      loss: outcome.loss ?? Number.NaN,
      learningRate: training.learningRates[step]!,
      gradientNorm: outcome.norm,
      tokensPerSecond: (tokensOf(prepared, step) / stepMs) * 1000,
      leavesComputed: report.leavesComputedHere,
      stepMs,
      computeMs: report.computeMs,
      waitMs: report.waitMs,
      bytesSent: report.bytesSent,
      bytesReceived: report.bytesReceived,
      members: report.members,
      peakRssBytes: deps.peakRssBytes(),
    },
  });
}

function tellError(error: unknown, events: EventLog): void {
  const coded =
    error instanceof EspalierError ? error : new EspalierError('Internal', { what: String(error) }, { cause: error });
  events.append({
    error: {
      name: coded.name,
      code: coded.code,
      message: coded.message,
      remedy: coded.remedy,
      facts: JSON.stringify(coded.facts),
    },
  });
}
