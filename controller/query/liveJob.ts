import type { ArtifactInput } from '../../proto/generated/espalier/v1/Artifact.js';
import type { CheckpointInput } from '../../proto/generated/espalier/v1/Checkpoint.js';
import type { JobEventInput } from '../../proto/generated/espalier/v1/JobEvent.js';
import type { JobWorkerInput } from '../../proto/generated/espalier/v1/JobWorker.js';
import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';
import type { Live } from './jobMessage.js';
import { MetricLog } from './metricLog.js';

const mostEvents = 64;
const mostCheckpoints = 16;
const mostArtifacts = 16;

/** What one job's workers have told, in bounded memory. Lost with the controller; the resource's status holds what matters. */
export class LiveJob {
  readonly metrics = new MetricLog();
  #workers: readonly JobWorkerInput[] = [];
  readonly #heardMs = new Map<string, number>();
  readonly #checkpoints = new Map<number, CheckpointInput>();
  readonly #artifacts = new Map<string, ArtifactInput>();
  #events: JobEventInput[] = [];
  #steps: number | undefined;
  #committed = 0;
  #stepMs: number | undefined;

  /** The members of the view and the pods behind them. */
  setWorkers(workers: readonly JobWorkerInput[]): void {
    this.#workers = workers;
    const present = new Set(workers.map(({ id }) => id));
    for (const id of this.#heardMs.keys()) if (!present.has(id)) this.#heardMs.delete(id);
  }

  addEvent(event: JobEventInput): void {
    this.#events = [...this.#events, event].slice(-mostEvents);
  }

  /** Answers whether a reader would see a difference. */
  observe(worker: string, event: WorkerEvent): boolean {
    this.#heardMs.set(worker, event.timeMs);
    if (event.step) return this.#step(event.step, event.timeMs);
    if (event.evaluation) {
      const { step, loss, generalLoss } = event.evaluation;
      const general = generalLoss > 0 ? { generalLoss } : {};
      this.metrics.evaluation(step, { evaluationLoss: loss, ...general }, event.timeMs);
      return true;
    }
    if (event.checkpoint) {
      const { step, url } = event.checkpoint;
      if (this.#checkpoints.has(step)) return false;
      this.#checkpoints.set(step, { step, url, loss: this.metrics.last?.loss ?? Number.NaN });
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

  #step(event: NonNullable<WorkerEvent['step']>, timeMs: number): boolean {
    this.#steps = event.steps;
    const added = this.metrics.step({
      step: event.step,
      timeMs,
      loss: event.loss,
      learningRate: event.learningRate,
      gradientNorm: event.gradientNorm,
      tokensPerSecond: event.tokensPerSecond,
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
      step: this.#committed === 0 ? undefined : this.#committed,
      steps: this.#steps,
      remainingSeconds:
        left === undefined || this.#stepMs === undefined ? undefined : Math.ceil((left * this.#stepMs) / 1000),
      workers: this.#workers.map((worker) => ({
        ...worker,
        heardMs: Math.max(Number(worker.heardMs ?? 0), this.#heardMs.get(worker.id ?? '') ?? 0),
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
