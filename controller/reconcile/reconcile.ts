import type { FineTuneJobStatus } from '../../api/sections/status.js';
import type { Clock } from '../../common/clock.js';
import type { Change, Cluster, JobKey, Live, Outcome } from '../cluster/cluster.js';
import type { FineTuneJobObject } from '../cluster/kube/objects.js';
import type { Settings } from '../settings.js';
import { aboutLines } from './about.js';
import { changesFor } from './changes.js';
import { type Decision, decide } from './decide.js';
import { eventsBetween } from './events.js';
import type { ParseJob } from './parsedJobs.js';
import { mayWait, type Patience } from './patience.js';
import { policies } from './policies/index.js';
import { worldOf } from './read.js';
import { membersOf, ownPart, requeueMs, settle } from './settle.js';
import { mergePatch } from './statusPatch.js';
import { isReady, validJob, type World } from './world.js';

const soonMs = 100;

export interface ReconcileDeps {
  readonly cluster: Cluster;
  readonly settings: Settings;
  readonly clock: Pick<Clock, 'now'>;
  /** What the workers of a job have told. */
  readonly live: (uid: string) => Live;
  /** Membership follows what was seen and decided. */
  readonly follow: (world: World, decision: Decision) => void;
  readonly patience: Patience;
  readonly parse: ParseJob;
  readonly signal: AbortSignal;
}

/** What came of the status: nothing to write, something that can wait, or a write. */
type Written = { readonly kind: 'same' } | { readonly kind: 'waits'; readonly leftMs: number } | Outcome;

/** Brings one job a step further; answers when it wants to be looked at again, if nothing happens before. */
export async function reconcile(key: JobKey, deps: ReconcileDeps): Promise<number | undefined> {
  const { cluster, settings, clock, live, follow, signal } = deps;
  const observed = await cluster.observe(key, signal);
  if (!observed) return undefined;
  const uid = observed.job.metadata?.uid ?? '';
  const world = worldOf(observed, live(uid), settings, clock.now(), deps.parse);
  const decision = decide(policies, world);
  follow(world, decision);
  const job = validJob(world);
  // What is written down now need not be read again.
  if (job && !world.isResolved) deps.parse(uid, 'resolved', JSON.stringify(job), () => job);
  const outcomes = await applyAll(changesFor(world, decision), key, uid, deps);
  if (decision.kind === 'leave' || decision.kind === 'remove') return undefined;
  const status = settle(world, decision, outcomes);
  deps.patience.note(uid, isStartingUp(world, decision), world.nowMs);
  const written = await write(observed.job, world, status, deps);
  const kinds = [...outcomes, written].map(({ kind }) => kind);
  const due = [requeueMs(world, decision)];
  if (written.kind === 'waits') due.push(written.leftMs);
  // The next step may follow from what was just done, and nobody tells us of our own writes. Where workers train it follows
  // from their pods, and those are told.
  if (kinds.includes('done') && decision.kind !== 'train') due.push(soonMs);
  if (kinds.includes('stale')) due.push(1000);
  if (kinds.includes('taken') || kinds.includes('failed')) due.push(10_000);
  const wishes = due.filter((ms) => ms !== undefined);
  return wishes.length === 0 ? undefined : Math.min(...wishes);
}

async function write(
  job: FineTuneJobObject,
  world: World,
  status: FineTuneJobStatus,
  { cluster, patience, signal }: ReconcileDeps,
): Promise<Written> {
  const { status: before, nowMs } = world;
  const { uid } = world.owner;
  const patch = mergePatch({ ...ownPart(before) }, { ...status });
  const why = patch && mayWait(patch, status, patience.isCrowded(nowMs));
  const leftMs = why ? patience.leftMs(uid, nowMs, why) : 0;
  if (leftMs > 0) return { kind: 'waits', leftMs };
  patience.written(uid);
  if (!patch) return { kind: 'same' };
  const whole = { ...before, ...status, summary: { ...before.summary, ...status.summary } };
  const outcome = await cluster.patchStatus(job, { ...patch, about: aboutLines(whole, membersOf(world)) }, signal);
  if (outcome.kind === 'done') await cluster.emit(job, eventsBetween(before, status), signal);
  return outcome;
}

/** Its pods are to come for the first time. */
const isStartingUp = (world: World, { kind }: Decision): boolean => {
  if (kind === 'prepare') return true;
  const wanted = validJob(world)?.spec.workers.replicas ?? 0;
  return kind === 'train' && world.status.state !== 'Training' && world.workerPods.filter(isReady).length < wanted;
};

/** In their order; the first that is not done ends it, because later ones may need it. */
async function applyAll(
  changes: readonly Change[],
  key: JobKey,
  uid: string,
  { cluster, signal }: ReconcileDeps,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const change of changes) {
    const outcome = await cluster.perform(key, uid, change, signal);
    outcomes.push(outcome);
    if (outcome.kind !== 'done') break;
  }
  return outcomes;
}
