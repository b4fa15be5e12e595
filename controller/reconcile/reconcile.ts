import type { Clock } from '../../common/clock.js';
import { canonicalJson } from '../../common/hash.js';
import type { Change, Cluster, JobKey, Live, Outcome } from '../cluster/cluster.js';
import { tokenOf } from '../resources/access.js';
import type { Settings } from '../settings.js';
import { aboutLines } from './about.js';
import { changesFor } from './changes.js';
import { type Decision, decide } from './decide.js';
import { eventsBetween } from './events.js';
import { policies } from './policies/index.js';
import { worldOf } from './read.js';
import { membersOf, ownPart, requeueMs, settle } from './settle.js';
import type { World } from './world.js';

export interface ReconcileDeps {
  readonly cluster: Cluster;
  readonly settings: Settings;
  readonly masterKey: string;
  readonly clock: Pick<Clock, 'now'>;
  /** What the workers of a job have told. */
  readonly live: (uid: string) => Live;
  /** Membership follows what was seen and decided. */
  readonly follow: (world: World, decision: Decision) => void;
  readonly signal: AbortSignal;
}

/** Brings one job a step further; answers when it wants to be looked at again, if nothing happens before. */
export async function reconcile(key: JobKey, deps: ReconcileDeps): Promise<number | undefined> {
  const { cluster, settings, masterKey, clock, live, follow, signal } = deps;
  const observed = await cluster.observe(key, signal);
  if (!observed) return undefined;
  const uid = observed.job.metadata?.uid ?? '';
  const world = worldOf(observed, live(uid), settings, clock.now());
  const decision = decide(policies, world);
  follow(world, decision);
  const outcomes = await applyAll(changesFor(world, decision, tokenOf(masterKey, world.owner)), key, uid, deps);
  if (decision.kind === 'leave' || decision.kind === 'remove') return undefined;
  const status = settle(world, decision, outcomes);
  if (!isEqual(ownPart(world.status), status)) {
    const about = aboutLines(
      { ...world.status, ...status, summary: { ...world.status.summary, ...status.summary } },
      membersOf(world),
    );
    await cluster.writeStatus(key, { ...status, about }, signal);
    await cluster.emit(observed.job, eventsBetween(world.status, status), signal);
  }
  const blocked = outcomes.some(({ kind }) => kind !== 'done');
  const again = requeueMs(world, decision);
  return blocked ? Math.min(again ?? 10_000, outcomes.some(({ kind }) => kind === 'stale') ? 1000 : 10_000) : again;
}

/** In their order; the first that is not done ends it, because later ones may need it. */
async function applyAll(
  changes: readonly Change[],
  key: JobKey,
  uid: string,
  { cluster, signal }: ReconcileDeps,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const change of changes) {
    const outcome = await cluster.perform(key, uid, change, signal);
    outcomes.push(outcome);
    if (outcome.kind !== 'done') break;
  }
  return outcomes;
}

const isEqual = (a: object, b: object): boolean => canonicalJson(a) === canonicalJson(b);
