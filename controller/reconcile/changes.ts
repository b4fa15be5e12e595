import type { FineTuneJob } from '../../api/fineTuneJob.js';
import type { Change } from '../cluster/cluster.js';
import type { V1Job } from '../cluster/kube/objects.js';
import { disruptionBudget, workerNetworkPolicy } from '../resources/access.js';
import { jobConfigMap, recipeConfigMap, trustConfigMap } from '../resources/configMaps.js';
import { preflightPod, triesOf } from '../resources/preflightPod.js';
import { queueOf } from '../resources/scheduling.js';
import { attemptOf, workerJob } from '../resources/workerJob.js';
import type { Decision } from './decide.js';
import {
  activePods,
  currentAttempt,
  endOf,
  indexOf,
  isTerminating,
  jobCondition,
  validJob,
  type World,
} from './world.js';

/** A worker that was asked to leave and does not is not waited for longer than this. */
const releaseWithinMs = 15_000;

/** What must be done for the decision: wanted objects minus present ones. Pure. */
export function changesFor(world: World, decision: Decision): readonly Change[] {
  const job = validJob(world);
  switch (decision.kind) {
    case 'leave':
    case 'stall':
      return [];
    case 'remove':
      return [{ kind: 'remove', of: 'FineTuneJob', name: world.owner.name, uid: world.owner.uid }];
    case 'complete':
      return [];
    case 'rest':
      return world.status.state === 'Failed' ? endAll(world, job) : [];
    case 'fail':
      return endAll(world, job);
    case 'suspend':
      return suspendAll(world, job);
    case 'prepare':
      return job ? prepared(world, job, decision) : [];
    case 'retry':
      if (!job || decision.afterMs > 0) return [];
      return [...started(world, job, decision.attempt), ...endOlder(world, job, decision.attempt)];
    case 'scale':
      return job ? [...kept(world, job), ...scaled(world, decision.to)] : [];
    case 'train':
      if (!job) return [];
      return currentAttempt(world) ? kept(world, job) : started(world, job, decision.attempt);
  }
}

function prepared(world: World, job: FineTuneJob, { tries, afterMs }: { tries: number; afterMs: number }): Change[] {
  const { owner, settings, preflights } = world;
  const resolved: Change[] = world.isResolved ? [] : [create(jobConfigMap(owner, job))];
  const pod = preflights.find((candidate) => triesOf(candidate) === tries);
  if (!pod)
    return afterMs > 0
      ? resolved
      : [...resolved, ...policyChanges(world), create(preflightPod(owner, job, tries, settings))];
  const verdict = endOf(pod)?.verdict;
  return verdict?.outcome === 'ready' ? [...resolved, create(recipeConfigMap(owner, verdict.recipe))] : resolved;
}

/** All that a new attempt needs; what is there already answers so. */
function started(world: World, job: FineTuneJob, attempt: number): Change[] {
  const { owner, settings } = world;
  const { replicas } = job.spec.workers;
  return [
    ...(world.isResolved ? [] : [create(jobConfigMap(owner, job))]),
    ...trustChanges(world),
    ...policyChanges(world),
    create(workerJob({ owner, job, attempt, replicas, settings })),
  ];
}

/** What should be there while workers train, and is not, or not so. */
function kept(world: World, job: FineTuneJob): Change[] {
  const current = currentAttempt(world);
  const changes: Change[] = [...trustChanges(world), ...policyChanges(world), ...budgetChanges(world)];
  if (!world.isResolved) changes.push(create(jobConfigMap(world.owner, job)));
  if (current?.spec?.suspend && !queueOf(job)) changes.push(suspension(current, false));
  if (current) changes.push(...endOlder(world, job, attemptOf(current)));
  return changes;
}

const policyChanges = ({ owner, settings, observed }: World): Change[] =>
  settings.networkPolicy.enabled && !observed.networkPolicy ? [create(workerNetworkPolicy(owner, settings))] : [];

/** Made with the first job of a namespace, and again after a rotation of the authority. */
function trustChanges({ owner, settings, observed: { trust } }: World): Change[] {
  const object = trustConfigMap(owner.namespace, settings.identity);
  if (!trust) return [create(object)];
  const isSame = Object.entries(object.data ?? {}).every(([name, text]) => trust.data?.[name] === text);
  return isSame ? [] : [{ kind: 'apply', object }];
}

/** Follows the view: at most one of its members may be evicted at a time. */
function budgetChanges({ owner, observed, live }: World): Change[] {
  if (!live.view) return [];
  const wanted = disruptionBudget(owner, live.view.members.length);
  return observed.disruptionBudget?.spec?.minAvailable === wanted.spec?.minAvailable
    ? []
    : [{ kind: 'apply', object: wanted }];
}

/** Up at once. Down: first the leavers leave the view, then their number goes. */
function scaled(world: World, to: number): Change[] {
  const job = currentAttempt(world);
  if (!job) return [];
  const { live, nowMs } = world;
  const members = new Set(live.view?.members.map(({ id }) => id));
  const leavers = activePods(world)
    .filter((pod) => indexOf(pod) >= to && members.has(pod.metadata?.uid ?? ''))
    .map(({ metadata }) => metadata!.uid!)
    .filter((uid) => nowMs - (live.releasing.get(uid) ?? nowMs) < releaseWithinMs);
  if (leavers.length > 0) {
    const toAsk = leavers.filter((uid) => !live.releasing.has(uid));
    return toAsk.length > 0 ? [{ kind: 'release', pods: toAsk }] : [];
  }
  return [
    {
      kind: 'scale',
      name: job.metadata?.name ?? '',
      replicas: to,
      resourceVersion: job.metadata?.resourceVersion ?? '',
    },
  ];
}

/** A queue would resume a suspended Job, so there it goes. */
const suspendAll = (world: World, job: FineTuneJob | undefined): Change[] =>
  world.attempts.flatMap((attempt) => stop(attempt, job, suspension(attempt, true)));

const endAll = (world: World, job: FineTuneJob | undefined): Change[] =>
  world.attempts.flatMap((attempt) => stop(attempt, job, ending(attempt)));

const endOlder = (world: World, job: FineTuneJob, before: number): Change[] =>
  world.attempts
    .filter((candidate) => attemptOf(candidate) < before)
    .flatMap((candidate) => stop(candidate, job, ending(candidate)));

function stop(attempt: V1Job, job: FineTuneJob | undefined, how: Change): Change[] {
  if (isTerminating(attempt) || jobCondition(attempt, 'Failed') || jobCondition(attempt, 'Complete')) return [];
  if (job && queueOf(job))
    return [{ kind: 'remove', of: 'Job', name: attempt.metadata?.name ?? '', uid: attempt.metadata?.uid ?? '' }];
  return attempt.spec?.suspend ? [] : [how];
}

/**
 * Its pods go, those that ended before stay for their logs. A Job that is only suspended would hold the last failed pod of
 * each index by a finalizer, and with it, for ever, a namespace that is deleted.
 */
const ending = ({ metadata }: V1Job): Change => ({
  kind: 'end',
  name: metadata?.name ?? '',
  resourceVersion: metadata?.resourceVersion ?? '',
});

const suspension = ({ metadata }: V1Job, suspend: boolean): Change => ({
  kind: 'suspend',
  name: metadata?.name ?? '',
  suspend,
  resourceVersion: metadata?.resourceVersion ?? '',
});

const create = (object: Extract<Change, { kind: 'create' }>['object']): Change => ({ kind: 'create', object });
