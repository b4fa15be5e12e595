import { methodNames } from '../../api/methods/index.js';
import type { FineTuneJobStatus } from '../../api/sections/status.js';
import type { Outcome } from '../cluster/cluster.js';
import type { V1Pod } from '../cluster/kube/objects.js';
import { driftOf } from '../resources/drift.js';
import { selectorText, workerSelector } from '../resources/names.js';
import { queueOf } from '../resources/scheduling.js';
import { attemptOf, workerJob } from '../resources/workerJob.js';
import type { WorkerLine } from './about.js';
import { conditionsOf, type Finding, timeText } from './conditions.js';
import type { Decision } from './decide.js';
import { runningSeconds } from './runningTime.js';
import { refusalOf, type Wait, waitOf, waitOfWorkers } from './waits.js';
import {
  activePods,
  allDeaths,
  currentAttempt,
  deathsSinceStep,
  endOf,
  isReady,
  timeMs,
  validJob,
  type World,
} from './world.js';

/** The status that reconcile owns, whole. Progress and the columns about it have a writer of their own (progress.ts). */
export function settle(world: World, decision: Decision, outcomes: readonly Outcome[]): FineTuneJobStatus {
  const { status: before, generation, nowMs, owner, live, recipe } = world;
  if (decision.kind === 'rest' || decision.kind === 'leave' || decision.kind === 'remove')
    return { ...ownPart(before), observedGeneration: generation };
  const finding = findingOf(world, decision, refusalOf(outcomes));
  const isRunning = finding.state === 'Training';
  const isFinal = finding.state === 'Complete' || finding.state === 'Failed';
  const attempt = attemptAfter(world, decision, outcomes);
  return {
    ...ownPart(before),
    state: finding.state,
    observedGeneration: generation,
    conditions: [...conditionsOf(finding, before.conditions ?? [], generation, nowMs)],
    startTime: before.startTime ?? timeText(nowMs),
    ...(recipe && { recipeHash: recipe.recipeHash }),
    ...(recipe?.data && { data: recipe.data }),
    ...(recipe?.resolved && { resolved: recipe.resolved }),
    // Fixed by the first workers: a training cannot go on elsewhere with the same bits.
    ...(!before.numerics && live.numerics && { numerics: live.numerics }),
    ...(attempt !== undefined && { attempt }),
    ...runningTime(before, isRunning, nowMs),
    ...(decision.kind === 'complete' && decision.adapterSha256 && { adapterSha256: decision.adapterSha256 }),
    ...(decision.kind === 'complete' && decision.url && { artifact: decision.url }),
    ...(isFinal && { completionTime: before.completionTime ?? timeText(nowMs) }),
    workers: {
      replicas: activePods(world).length,
      ready: live.view?.members.filter(({ joined }) => joined).length ?? 0,
      selector: selectorText(workerSelector(owner)),
      ...(live.view ? { view: live.view.number } : before.workers?.view !== undefined && { view: before.workers.view }),
      deaths: deathsSinceStep(world).length,
      ...driftPart(world),
    },
    summary: columnsOf(world, finding),
  };
}

/** Only while its Job is at hand: a finished or gone one has nothing to be told about. */
function driftPart(world: World): { readonly drift?: string } {
  const current = currentAttempt(world);
  const job = validJob(world);
  if (!current || !job) return {};
  const { owner, settings } = world;
  const replicas = current.spec?.parallelism ?? 0;
  const drift = driftOf(current, workerJob({ owner, job, attempt: attemptOf(current), replicas, settings }));
  return drift.length === 0 ? {} : { drift: drift.join(', ') };
}

/** What is ours of a status: the rest is written by the progress writer; `about` follows from all of it. */
export function ownPart(status: FineTuneJobStatus): FineTuneJobStatus {
  const { progress: _, lastCheckpoint: __, cost: ___, about: ____, summary, ...rest } = status;
  if (!summary) return rest;
  const { workers, model, method, queue, restarts, reason } = summary;
  return { ...rest, summary: defined({ workers, model, method, queue, restarts, reason }) };
}

function findingOf(world: World, decision: Decision, refusal: Wait | undefined): Finding {
  switch (decision.kind) {
    case 'complete':
      return { state: 'Complete', reason: 'Published', message: `published at ${decision.url ?? 'its destination'}` };
    case 'fail':
      return { state: 'Failed', reason: decision.reason, message: decision.message };
    case 'stall':
      return { state: 'Stalled', reason: decision.reason, message: decision.message };
    case 'suspend': {
      const left = activePods(world).length;
      return left > 0
        ? { state: 'Stopping', reason: 'Suspending', message: 'workers checkpoint and leave' }
        : { state: 'Suspended', reason: 'Suspended', message: 'set spec.suspend to false to go on' };
    }
    default:
      return waiting(refusal ?? waitFor(world, decision)) ?? going(world, decision);
  }
}

const waitFor = (world: World, decision: Decision): (Wait & { readonly isPreflight?: boolean }) | undefined => {
  if (decision.kind === 'retry')
    return decision.afterMs > 0
      ? { reason: 'BackOff', message: `the next attempt follows: ${decision.because}` }
      : undefined;
  if (decision.kind !== 'prepare') return hasReadyWorker(world) ? undefined : waitOfWorkers(world);
  const wait = waitOf(world, world.preflights);
  if (wait) return { ...wait, isPreflight: true };
  const last = world.preflights
    .map(endOf)
    .filter((end) => end !== undefined)
    .at(-1);
  if (decision.afterMs === 0 || !last) return undefined;
  if (last.verdict?.outcome === 'failed')
    return { reason: last.verdict.name, message: `${last.verdict.message}; it is tried again`, isPreflight: true };
  return { reason: 'BackOff', message: 'the preflight ended without a verdict and is tried again', isPreflight: true };
};

function waiting(wait: (Wait & { readonly isPreflight?: boolean }) | undefined): Finding | undefined {
  if (!wait) return undefined;
  const state = wait.isHopeless ? 'Stalled' : wait.isPreflight ? 'Preflight' : 'Pending';
  return { state, reason: wait.reason, message: wait.message };
}

function going(world: World, decision: Decision): Finding {
  if (decision.kind === 'prepare' && !world.preflights.some(isStarted))
    return { state: 'Preflight', reason: 'PreflightStarting', message: 'the preflight pod starts' };
  if (decision.kind === 'prepare')
    return {
      state: 'Preflight',
      reason: 'Preparing',
      message: 'base, data and store are checked, the recipe is compiled',
    };
  if (decision.kind === 'retry')
    return { state: 'Pending', reason: 'NextAttempt', message: `attempt ${decision.attempt}: ${decision.because}` };
  const ready = world.workerPods.filter(isReady).length;
  if (ready === 0) return { state: 'Pending', reason: 'WorkersStarting', message: 'worker pods start' };
  const { minReplicas } = validJob(world)!.spec.workers;
  if (ready < minReplicas && !world.live.formed)
    return {
      state: 'Paused',
      reason: 'BelowMinReplicas',
      message: `${ready} of at least ${minReplicas} workers are ready`,
    };
  const wait = waitOfWorkers(world);
  if (wait) return { state: 'Training', reason: wait.reason, message: `training with fewer workers: ${wait.message}` };
  return {
    state: 'Training',
    reason: 'Training',
    message: 'steps are committed; status.progress and gRPC have the numbers',
  };
}

const isStarted = ({ status }: V1Pod): boolean => status?.phase !== undefined && status.phase !== 'Pending';

const hasReadyWorker = ({ workerPods }: World): boolean => workerPods.some(isReady);

/** Recorded once its Job is there, so that a Job that vanished can be told from one that was never made. */
function attemptAfter(world: World, decision: Decision, outcomes: readonly Outcome[]): number | undefined {
  const current = currentAttempt(world);
  const made = outcomes.length > 0 && outcomes.every(({ kind }) => kind === 'done');
  if (made && decision.kind === 'retry' && decision.afterMs === 0) return decision.attempt;
  if (made && decision.kind === 'train' && !current) return decision.attempt;
  const known = [world.status.attempt, current && attemptOf(current)].filter((attempt) => attempt !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

function runningTime(before: FineTuneJobStatus, isRunning: boolean, nowMs: number) {
  if (isRunning)
    return {
      runningSeconds: before.runningSeconds ?? 0,
      runningSince: before.runningSince ?? timeText(nowMs),
    };
  return before.runningSince === undefined && before.runningSeconds === undefined
    ? {}
    : { runningSeconds: runningSeconds(before, nowMs), runningSince: undefined };
}

function columnsOf(world: World, finding: Finding): NonNullable<FineTuneJobStatus['summary']> {
  const job = validJob(world);
  const deaths = allDeaths(world).length;
  const spec = job?.spec;
  return defined({
    workers: spec && `${world.live.view?.members.filter(({ joined }) => joined).length ?? 0}/${spec.workers.replicas}`,
    model: spec?.base.source.replace(/^hf:\/\//, '').slice(0, 128),
    method: spec && methodText(spec.method),
    queue: job && queueOf(job)?.name,
    restarts: String(Math.max(deaths, Number(world.status.summary?.restarts ?? 0))),
    reason: finding.reason === finding.state ? undefined : finding.reason,
  });
}

function methodText(method: object): string {
  const name = methodNames.find((candidate) => candidate in method) ?? '';
  const { rank } = (method as Readonly<Record<string, { rank?: number }>>)[name] ?? {};
  return rank === undefined ? name : `${name} r${rank}`;
}

const defined = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as never;

/** When a decision wants to be looked at again, if nothing happens before. */
export function requeueMs(world: World, decision: Decision): number | undefined {
  const { nowMs, status } = world;
  const job = validJob(world);
  const due: number[] = [];
  if ('afterMs' in decision && decision.afterMs > 0) due.push(decision.afterMs);
  if (decision.kind === 'rest' && job?.spec.ttlSecondsAfterFinished !== undefined)
    due.push(timeMs(status.completionTime) + job.spec.ttlSecondsAfterFinished * 1000 - nowMs);
  if (decision.kind === 'train' || decision.kind === 'scale') {
    const most = job?.spec.activeDeadlineSeconds;
    if (most !== undefined) due.push((most - runningSeconds(status, nowMs)) * 1000);
    if (currentAttempt(world)?.spec?.suspend) due.push(10_000);
    if (decision.kind === 'scale') due.push(5_000);
    // Back-offs and warnings end without an event.
    else if (activePods(world).length < (job?.spec.workers.replicas ?? 0)) due.push(10_000);
    // Ready workers have no first view yet: it is looked after even if nobody tells.
    else if (!world.live.formed && world.workerPods.some(isReady)) due.push(30_000);
  }
  return due.length === 0 ? undefined : Math.max(250, Math.min(...due));
}

/** The worker pods that have not ended, as people call them. */
export const membersOf = (world: World): readonly WorkerLine[] => {
  const joined = new Set(world.live.view?.members.filter((member) => member.joined).map(({ id }) => id));
  return activePods(world).map(({ metadata, spec }) => ({
    uid: metadata?.uid ?? '',
    name: metadata?.name ?? '',
    node: spec?.nodeName ?? '',
    isJoined: joined.has(metadata?.uid ?? ''),
    heardAtMs: world.live.heardAtMs?.get(metadata?.uid ?? ''),
  }));
};
