import type { FineTuneJobStatus } from '../../api/sections/status.js';
import type { ArtifactInput } from '../../proto/generated/espalier/v1/Artifact.js';
import type { CheckpointInput } from '../../proto/generated/espalier/v1/Checkpoint.js';
import type { CostInput } from '../../proto/generated/espalier/v1/Cost.js';
import type { JobEventInput } from '../../proto/generated/espalier/v1/JobEvent.js';
import type { JobWorkerInput } from '../../proto/generated/espalier/v1/JobWorker.js';
import type { ResolvedInput } from '../../proto/generated/espalier/v1/Resolved.js';
import type { JobMessage, JobResource, Point } from './jobs.js';

/** What only the running controller knows; the resource's status holds the rest. */
export interface Live {
  readonly last: Point | undefined;
  readonly best: Point | undefined;
  readonly step: number | undefined;
  readonly steps: number | undefined;
  readonly remainingSeconds: number | undefined;
  readonly workers: readonly JobWorkerInput[];
  readonly checkpoints: readonly CheckpointInput[];
  readonly artifacts: readonly ArtifactInput[];
  readonly events: readonly JobEventInput[];
}

export const nothingLive: Live = {
  last: undefined,
  best: undefined,
  step: undefined,
  steps: undefined,
  remainingSeconds: undefined,
  workers: [],
  checkpoints: [],
  artifacts: [],
  events: [],
};

/** A job that the controller has not looked at yet. */
export const firstState = 'Pending';

export function jobMessage(resource: JobResource, live: Live): JobMessage {
  const { status } = resource;
  const { reason, message } = whyOf(status);
  return {
    namespace: resource.namespace,
    name: resource.name,
    uid: resource.uid,
    generation: resource.generation,
    state: status?.state ?? firstState,
    reason,
    message,
    progress: progressOf(status, live),
    workers: [...live.workers],
    checkpoints: live.checkpoints.length > 0 ? [...live.checkpoints] : checkpointsOf(status),
    artifacts: live.artifacts.length > 0 ? [...live.artifacts] : artifactsOf(status),
    events: [...live.events],
    recipeHash: status?.recipeHash ?? '',
    createdMs: resource.createdMs,
    finishedMs: timeOf(status?.completionTime),
    ...(status?.data && { data: { ...status.data, dropped: status.data.dropped.map(known) } }),
    ...(status?.resolved && { resolved: resolvedOf(status.resolved) }),
    ...(status?.cost && { cost: costOf(status.cost) }),
    ...(live.best && { best: live.best }),
    attempt: status?.attempt ?? 0,
    restarts: Number(status?.summary?.restarts ?? 0),
  };
}

/** The first condition that people must know of; `Ready` says the rest. */
function whyOf(status: FineTuneJobStatus | undefined): { readonly reason: string; readonly message: string } {
  const held = (type: string) => status?.conditions?.find((found) => found.type === type && found.status === 'True');
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const found = held('Failed') ?? held('Stalled') ?? held('Complete') ?? held('Suspended') ?? ready;
  return { reason: found?.reason ?? '', message: found?.message ?? '' };
}

function progressOf(status: FineTuneJobStatus | undefined, live: Live) {
  const kept = status?.progress;
  const last: Point | undefined =
    live.last ??
    (kept?.step === undefined
      ? undefined
      : {
          step: kept.step,
          timeMs: timeOf(kept.time),
          loss: kept.loss ?? Number.NaN,
          tokensPerSecond: kept.tokensPerSecond ?? 0,
          ...(kept.evalLoss !== undefined && { evaluationLoss: kept.evalLoss }),
        });
  return {
    // A next attempt starts from a checkpoint: what its workers tell counts, not what was reached before.
    step: live.step ?? kept?.step ?? 0,
    steps: live.steps ?? kept?.steps ?? 0,
    remainingSeconds: live.remainingSeconds ?? kept?.etaSeconds ?? 0,
    ...(last && { last }),
  };
}

const checkpointsOf = (status: FineTuneJobStatus | undefined): CheckpointInput[] =>
  status?.lastCheckpoint ? [{ step: status.lastCheckpoint.step, url: '', loss: Number.NaN }] : [];

const artifactsOf = (status: FineTuneJobStatus | undefined): ArtifactInput[] =>
  status?.artifact ? [{ url: status.artifact, kind: 'adapter', sha256: status.adapterSha256 ?? '' }] : [];

const timeOf = (time: string | undefined): number => (time === undefined ? 0 : Date.parse(time));

const resolvedOf = ({
  settings = [],
  steps: _,
  ...rest
}: NonNullable<FineTuneJobStatus['resolved']>): ResolvedInput => ({
  ...known(rest),
  settings: [...settings],
});

const costOf = ({ time: _, ...rest }: NonNullable<FineTuneJobStatus['cost']>): CostInput => known(rest);

/** Without the fields that are there and undefined. */
const known = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as never;
