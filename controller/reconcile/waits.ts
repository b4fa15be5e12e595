import type { Outcome } from '../cluster/cluster.js';
import type { CoreV1Event, V1Job, V1Pod } from '../cluster/kube/objects.js';
import { queueOf } from '../resources/scheduling.js';
import { activePods, currentAttempt, endOf, isEnded, timeMs, validJob, type World } from './world.js';

/** Why something does not go on, in one word and one sentence. */
export interface Wait {
  readonly reason: string;
  readonly message: string;
  /** Nothing but somebody's hand will end it. */
  readonly isHopeless?: boolean;
}

/** A queue that took no notice of the Job for this long is not there. */
const queueSilenceMs = 30_000;
/** A warning that Kubernetes does not repeat is over. */
const warningMs = 300_000;

/** Of what our own calls met. */
export function refusalOf(outcomes: readonly Outcome[]): Wait | undefined {
  for (const outcome of outcomes) {
    if (outcome.kind === 'taken')
      return {
        reason: 'NameTaken',
        message: `there is a ${outcome.of} ${outcome.name} that does not belong to this job; remove or rename it`,
        isHopeless: true,
      };
    if (outcome.kind === 'failed')
      return { reason: createReason(outcome.message, outcome.reason), message: outcome.message };
  }
  return undefined;
}

/** Of the pods that should run and do not. */
export function waitOf(world: World, pods: readonly V1Pod[]): Wait | undefined {
  for (const pod of pods) {
    const wait = isEnded(pod) ? undefined : waitOfPod(pod, world);
    if (wait) return wait;
  }
  return undefined;
}

/** Of the workers: their queue, their Job, their pods. */
export function waitOfWorkers(world: World): Wait | undefined {
  const job = currentAttempt(world);
  if (!job) return undefined;
  if (job.spec?.suspend && queueOf(validJob(world)!)) return waitOfQueue(world, job);
  const waiting = waitOf(world, activePods(world));
  if (waiting) return waiting;
  const missing = (job.spec?.parallelism ?? 0) - activePods(world).length;
  if (missing <= 0) return undefined;
  const failed = warningOf(world, job.metadata?.uid, 'FailedCreate');
  if (failed) return { reason: createReason(failed.message, 'FailedCreate'), message: failed.message ?? '' };
  const ended = world.workerPods.map(endOf).filter((end) => end !== undefined);
  if (ended.length === 0) return undefined;
  return { reason: 'BackOff', message: `${missing} workers wait for their replacement after a failure` };
}

function waitOfPod(pod: V1Pod, world: World): Wait | undefined {
  const { metadata, status } = pod;
  const name = metadata?.name ?? '';
  const scheduled = status?.conditions?.find(({ type }) => type === 'PodScheduled');
  if (scheduled?.status === 'False') {
    const message = `${name}: ${scheduled.message ?? scheduled.reason ?? ''}`;
    if (scheduled.reason === 'SchedulingGated') return { reason: 'QueueWaiting', message };
    const isVolume = /persistentvolumeclaim|volume node affinity|volume binding/i.test(message);
    return { reason: isVolume ? 'VolumePending' : 'Unschedulable', message };
  }
  const waiting = status?.containerStatuses?.[0]?.state?.waiting;
  if (waiting?.reason && /Image/.test(waiting.reason))
    return { reason: 'ImagePullBackOff', message: `${name}: ${waiting.message ?? waiting.reason}` };
  if (waiting?.reason && !['ContainerCreating', 'PodInitializing'].includes(waiting.reason))
    return { reason: waiting.reason, message: `${name}: ${waiting.message ?? waiting.reason}` };
  const mount = status?.phase === 'Pending' ? warningOf(world, metadata?.uid, 'FailedMount') : undefined;
  return mount && { reason: 'VolumePending', message: `${name}: ${mount.message ?? ''}` };
}

function waitOfQueue(world: World, job: V1Job): Wait {
  const { observed, nowMs } = world;
  const queue = queueOf(validJob(world)!)?.name ?? '';
  if (observed.admission?.known) {
    const { message, isQueueMissing } = observed.admission;
    return isQueueMissing
      ? { reason: 'QueueNotFound', message, isHopeless: true }
      : { reason: 'QueueWaiting', message };
  }
  if (nowMs - timeMs(job.metadata?.creationTimestamp) < queueSilenceMs)
    return { reason: 'QueueWaiting', message: `in queue ${queue}` };
  return {
    reason: 'QueueNotFound',
    message: `nobody answers for the queue ${queue}: is Kueue installed, and is there a LocalQueue ${queue} in this namespace?`,
    isHopeless: true,
  };
}

const createReason = (message = '', otherwise: string): string =>
  /exceeded quota/.test(message) ? 'QuotaExceeded' : otherwise;

function warningOf({ observed, nowMs }: World, uid: string | undefined, reason: string): CoreV1Event | undefined {
  return observed.warnings.find(
    (event) =>
      event.involvedObject.uid === uid && event.reason === reason && nowMs - timeMs(event.lastTimestamp) < warningMs,
  );
}
