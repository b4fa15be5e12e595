import type { ArtifactInput } from '../../proto/generated/espalier/v1/Artifact.js';
import type { CheckpointInput } from '../../proto/generated/espalier/v1/Checkpoint.js';
import type { JobEventInput } from '../../proto/generated/espalier/v1/JobEvent.js';
import type { JobWorkerInput } from '../../proto/generated/espalier/v1/JobWorker.js';
import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';
import type { Live } from './jobMessage.js';
import { MetricLog } from './metricLog.js';

const mostCheckpoints = 16;
const mostArtifacts = 16;

/** A worker pod, and whether it is in the view. */
export interface LiveWorker {
  readonly uid: string;
  readonly id: string;
  readonly node: string;
  readonly joined: boolean;
}

type WorkerShare = Pick<JobWorkerInput, 'step' | 'leavesComputed' | 'computeMs' | 'waitMs' | 'peakRssBytes'>;

/** What one job's workers have told, in bounded memory. Lost with the controller; the resource's status holds what matters. */
export class LiveJob {
  readonly metrics = new MetricLog();
  #workers: readonly LiveWorker[] = [];
  readonly #heardMs = new Map<string, number>();
  readonly #lastSteps = new Map<string, WorkerShare>();
  readonly #checkpoints = new Map<number, CheckpointInput>();
  readonly #artifacts = new Map<string, ArtifactInput>();
  #events: readonly JobEventInput[] = [];
  #startsOver = false;
  #steps: number | undefined;
  #committed = 0;
  #stepMs: number | undefined;

  /** The pods that are workers, by the names that people know. Answers whether that is new. */
  setWorkers(workers: readonly LiveWorker[]): boolean {
    if (JSON.stringify(workers) === JSON.stringify(this.#workers)) return false;
    this.#workers = workers;
    const present = new Set(workers.map(({ uid }) => uid));
    for (const uid of this.#heardMs.keys()) if (!present.has(uid)) this.#heardMs.delete(uid);
    for (const uid of this.#lastSteps.keys()) if (!present.has(uid)) this.#lastSteps.delete(uid);
    return true;
  }

  setEvents(events: readonly JobEventInput[]): boolean {
    if (JSON.stringify(events) === JSON.stringify(this.#events)) return false;
    this.#events = events;
    return true;
  }

  /** Workers begin again from a checkpoint: the next step that is told may be one that was told before. */
  startOver(): void {
    this.#startsOver = true;
  }

  /** Answers whether a reader would see a difference. */
  observe(worker: string, event: WorkerEvent): boolean {
    this.#heardMs.set(worker, event.timeMs);
    if (event.step) return this.#step(worker, event.step, event.timeMs);
    if (event.evaluation) {
      const { step, loss, generalLoss } = event.evaluation;
      const general = generalLoss > 0 ? { generalLoss } : {};
      this.metrics.evaluation(step, { evaluationLoss: loss, ...general }, event.timeMs);
      return true;
    }
    if (event.checkpoint) {
      const { step, url } = event.checkpoint;
      if (this.#checkpoints.has(step)) return false;
      const { loss = Number.NaN, evaluationLoss } = this.metrics.at(step - 1) ?? {};
      this.#checkpoints.set(step, { step, url, loss, ...(evaluationLoss !== undefined && { evaluationLoss }) });
      dropOldest(this.#checkpoints, mostCheckpoints);
      return true;
    }
    if (event.artifact) {
      const { url, adapterSha256 } = event.artifact;
      this.#artifacts.set(url, { url, kind: 'adapter', sha256: adapterSha256 });
      dropOldest(this.#artifacts, mostArtifacts);
      return true;
    }
    return false;
  }

  #step(worker: string, event: NonNullable<WorkerEvent['step']>, timeMs: number): boolean {
    this.#steps = event.steps;
    const { step, leavesComputed, computeMs, waitMs, peakRssBytes } = event;
    this.#lastSteps.set(worker, { step, leavesComputed, computeMs, waitMs, peakRssBytes });
    if (this.#startsOver) this.metrics.rewind(event.step - 1);
    this.#startsOver = false;
    const added = this.metrics.step({
      step: event.step,
      timeMs,
      loss: event.loss,
      learningRate: event.learningRate,
      gradientNorm: event.gradientNorm,
      tokensPerSecond: event.tokensPerSecond,
      stepMs: Math.round(event.stepMs),
      members: event.members,
    });
    if (!added) return false;
    this.#committed = event.step + 1;
    // Smoothed over about ten steps, so that the remaining time does not jump.
    this.#stepMs = this.#stepMs === undefined ? event.stepMs : this.#stepMs * 0.9 + event.stepMs * 0.1;
    return true;
  }

  view(): Live {
    const left = this.#steps === undefined ? undefined : this.#steps - this.#committed;
    return {
      last: this.metrics.last,
      best: this.metrics.best,
      step: this.#committed === 0 ? undefined : this.#committed,
      steps: this.#steps,
      remainingSeconds:
        left === undefined || this.#stepMs === undefined ? undefined : Math.ceil((left * this.#stepMs) / 1000),
      workers: this.#workers.map(({ uid, ...worker }) => ({
        ...worker,
        heardMs: this.#heardMs.get(uid) ?? 0,
        ...this.#lastSteps.get(uid),
      })),
      checkpoints: [...this.#checkpoints.values()],
      artifacts: [...this.#artifacts.values()],
      events: this.#events,
    };
  }
}

function dropOldest<K>(map: Map<K, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
