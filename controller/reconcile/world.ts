import type { EspalierError } from '../../api/errors.js';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import type { RecipeReference, Verdict } from '../../api/podVerdict.js';
import type { FineTuneJobStatus } from '../../api/sections/status.js';
import type { Live, Observed } from '../cluster/cluster.js';
import type { V1Job, V1Pod } from '../cluster/kube/objects.js';
import type { Owner } from '../resources/names.js';
import type { Settings } from '../settings.js';

/** Everything that a decision may depend on: one snapshot, parsed and sorted. */
export interface World {
  readonly nowMs: number;
  readonly owner: Owner;
  readonly generation: number;
  readonly isBeingDeleted: boolean;
  readonly status: FineTuneJobStatus;
  /** With defaults; as resolved at the start where that is on record, except for what may change. */
  readonly job: FineTuneJob | { readonly invalid: EspalierError };
  readonly observed: Observed;
  readonly live: Live;
  readonly settings: Settings;
  readonly isResolved: boolean;
  readonly recipe: RecipeReference | undefined;
  /** By number of tries, newest last. */
  readonly preflights: readonly V1Pod[];
  /** By attempt, newest last. */
  readonly attempts: readonly V1Job[];
  /** Of all attempts. */
  readonly workerPods: readonly V1Pod[];
  /** Objects with our labels and one of our names that belong to somebody else. */
  readonly foreign: readonly { readonly kind: string; readonly name: string }[];
}

export interface Ended {
  readonly pod: V1Pod;
  readonly name: string;
  readonly exitCode: number | undefined;
  /** E.g. `OOMKilled`, `Evicted`. */
  readonly reason: string;
  readonly finishedAtMs: number;
  readonly verdict: Verdict | undefined;
}

/** How a pod ended; undefined while it has not. */
export function endOf(pod: V1Pod): Ended | undefined {
  const phase = pod.status?.phase;
  if (phase !== 'Succeeded' && phase !== 'Failed') return undefined;
  const terminated = pod.status?.containerStatuses?.[0]?.state?.terminated;
  return {
    pod,
    name: pod.metadata?.name ?? '',
    exitCode: terminated?.exitCode ?? (phase === 'Succeeded' ? 0 : undefined),
    reason: terminated?.reason ?? pod.status?.reason ?? '',
    finishedAtMs: timeMs(terminated?.finishedAt ?? pod.metadata?.deletionTimestamp ?? pod.metadata?.creationTimestamp),
    verdict: verdictOf(terminated?.message),
  };
}

function verdictOf(message: string | undefined): Verdict | undefined {
  try {
    const found = JSON.parse(message ?? '') as Verdict;
    return typeof found === 'object' && found !== null && 'outcome' in found ? found : undefined;
  } catch {
    // A crash leaves the end of its log here, or nothing.
    return undefined;
  }
}

/** `exit 137 (OOMKilled)`. */
export const describeEnd = ({ exitCode, reason }: Ended): string => {
  const why = reason !== '' && reason !== 'Error' ? ` (${reason})` : '';
  return exitCode === undefined ? `without an exit code${why}` : `with exit code ${exitCode}${why}`;
};

/** Stopped early and resumable: no crash. */
const exitLeft = 75;

/** A worker's end that nobody ordered: not an eviction, not a deletion, not one who left on purpose. */
export function isDeath(end: Ended): boolean {
  if (end.exitCode === 0 || end.exitCode === exitLeft || end.verdict?.outcome === 'left') return false;
  if (end.pod.metadata?.deletionTimestamp) return false;
  return !end.pod.status?.conditions?.some(({ type, status }) => type === 'DisruptionTarget' && status === 'True');
}

/** Times come as text, whatever the client's types say. */
export const timeMs = (value: Date | string | undefined): number =>
  value === undefined ? 0 : new Date(value).getTime();

export const isEnded = (pod: V1Pod): boolean => endOf(pod) !== undefined;
export const isReady = ({ metadata, status }: V1Pod): boolean =>
  !metadata?.deletionTimestamp &&
  (status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') ?? false);

export const indexOf = ({ metadata }: V1Pod): number =>
  Number(metadata?.annotations?.['batch.kubernetes.io/job-completion-index'] ?? -1);

export const isTerminating = ({ metadata }: { readonly metadata?: V1Job['metadata'] }): boolean =>
  metadata?.deletionTimestamp !== undefined;

export const jobCondition = ({ status }: V1Job, type: string): boolean =>
  status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;

/** A valid job, or undefined. */
export const validJob = ({ job }: World): FineTuneJob | undefined => ('invalid' in job ? undefined : job);

export const deathsSinceStep = (world: World): readonly Ended[] => {
  const { live, status } = world;
  // After a restart of the controller the workers tell their steps again; until then the status is what is known.
  const stepAtMs = Math.max(
    live.committedAtMs ?? 0,
    (status.progress?.step ?? 0) > 0 ? timeMs(status.progress?.time) : 0,
  );
  return allDeaths(world)
    .filter(({ finishedAtMs }) => finishedAtMs > stepAtMs)
    .sort((a, b) => a.finishedAtMs - b.finishedAtMs);
};

/** Deaths of one index with no step between them, the most of any: what ends several workers at once is one blow. */
export function blowsSinceStep(world: World): number {
  const perIndex = new Map<number, number>();
  for (const { pod } of deathsSinceStep(world)) perIndex.set(indexOf(pod), (perIndex.get(indexOf(pod)) ?? 0) + 1);
  return Math.max(0, ...perIndex.values());
}

export const allDeaths = ({ workerPods }: World): readonly Ended[] =>
  workerPods.flatMap((pod) => {
    const end = endOf(pod);
    return end && isDeath(end) ? [end] : [];
  });

export const isFinished = ({ conditions }: FineTuneJobStatus): boolean =>
  conditions?.some(({ type, status }) => type === 'Finished' && status === 'True') ?? false;

/** The newest worker Job that still makes pods. */
export const currentAttempt = ({ attempts }: World): V1Job | undefined => attempts.at(-1);

export const activePods = ({ workerPods }: World): readonly V1Pod[] => workerPods.filter((pod) => !isEnded(pod));
