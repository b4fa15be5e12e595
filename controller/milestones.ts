import type { FineTuneJobStatus } from '../api/sections/status.js';
import type { WorkerEvent } from '../proto/generated/espalier/v1/WorkerEvent.js';
import type { JobEvent } from './cluster/cluster.js';

interface Told {
  step: number;
  checkpoint: number;
  evaluation: number;
  best: number;
  isUploading: boolean;
}

/** What of the workers' many words is worth an Event: checkpoints, evaluations, epochs, the upload. Each once, whoever tells it. */
export class Milestones {
  readonly #told = new Map<string, Told>();

  of(uid: string, status: FineTuneJobStatus, event: WorkerEvent): readonly JobEvent[] {
    const told = this.#told.get(uid) ?? toldBefore(status);
    this.#told.set(uid, told);
    if (event.step) return epoch(told, status, event.step);
    if (event.checkpoint) return checkpoint(told, event.checkpoint);
    if (event.evaluation) return evaluation(told, event.evaluation);
    if (event.phase?.phase === 'publishing' && !told.isUploading) {
      told.isUploading = true;
      return [normal('Uploading', 'the adapter is exported and published')];
    }
    return [];
  }

  forget(uid: string): void {
    this.#told.delete(uid);
  }
}

/** Workers tell everything again to a new controller: what the status knows was told by the one before. */
const toldBefore = ({ progress, lastCheckpoint, summary }: FineTuneJobStatus): Told => ({
  step: (progress?.step ?? 0) - 1,
  checkpoint: lastCheckpoint?.step ?? -1,
  evaluation: (progress?.step ?? 0) - 1,
  best: Number(summary?.best?.split('@')[0] ?? Number.POSITIVE_INFINITY),
  isUploading: false,
});

function epoch(
  told: Told,
  { resolved }: FineTuneJobStatus,
  { step, steps, loss }: NonNullable<WorkerEvent['step']>,
): readonly JobEvent[] {
  if (step <= told.step) return [];
  told.step = step;
  const perEpoch = resolved?.stepsPerEpoch;
  if (!perEpoch || (step + 1) % perEpoch !== 0) return [];
  const [done, all] = [(step + 1) / perEpoch, Math.ceil(steps / perEpoch)];
  return [normal('EpochComplete', `epoch ${done} of ${all} at step ${step + 1}, loss ${loss.toFixed(4)}`)];
}

function checkpoint(told: Told, { step, url }: NonNullable<WorkerEvent['checkpoint']>): readonly JobEvent[] {
  if (step <= told.checkpoint) return [];
  told.checkpoint = step;
  return [normal('CheckpointSaved', `step ${step} in ${url}`)];
}

function evaluation(told: Told, { step, loss }: NonNullable<WorkerEvent['evaluation']>): readonly JobEvent[] {
  if (step <= told.evaluation || !Number.isFinite(loss)) return [];
  told.evaluation = step;
  const isBest = loss < told.best;
  if (isBest) told.best = loss;
  return [normal('EvalComplete', `loss ${loss.toFixed(4)} at step ${step}${isBest ? ', the best so far' : ''}`)];
}

const normal = (reason: string, message: string): JobEvent => ({ type: 'Normal', reason, message });
