import type { FineTuneJobStatus } from '../../api/sections/status.js';
import type { ArtifactInput } from '../../proto/generated/espalier/v1/Artifact.js';
import type { CheckpointInput } from '../../proto/generated/espalier/v1/Checkpoint.js';
import type { JobEventInput } from '../../proto/generated/espalier/v1/JobEvent.js';
import type { JobWorkerInput } from '../../proto/generated/espalier/v1/JobWorker.js';
import type { JobMessage, JobResource, Point } from './jobs.js';

/** What only the running controller knows; the resource's status holds the rest. */
export interface Live {
  readonly last: Point | undefined;
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
    step: Math.max(live.step ?? 0, kept?.step ?? 0),
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
