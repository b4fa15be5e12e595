import type { FineTuneJobStatus } from '../../api/sections/status.js';
import type { WorkerEvent } from '../../proto/generated/espalier/v1/WorkerEvent.js';

/** What the progress writer owns of a status. */
export type ProgressPart = Pick<FineTuneJobStatus, 'progress' | 'lastCheckpoint' | 'cost'> & {
  readonly summary: Pick<
    NonNullable<FineTuneJobStatus['summary']>,
    'progress' | 'loss' | 'eval' | 'eta' | 'tokensPerSecond' | 'best' | 'cost'
  >;
};

/** The latest numbers of one training, from whichever worker told them first. */
export class Numbers {
  #step: NonNullable<WorkerEvent['step']> | undefined;
  #stepAtMs = 0;
  #stepMs: number | undefined;
  #evaluation: { readonly step: number; readonly loss: number } | undefined;
  #best: { readonly step: number; readonly loss: number } | undefined;
  #checkpoint: { readonly step: number; readonly atMs: number } | undefined;

  /** When a step was committed last. */
  get committedAtMs(): number | undefined {
    return this.#step && this.#stepAtMs;
  }

  /** Answers whether anything is new. */
  observe({ step, evaluation, checkpoint, timeMs }: WorkerEvent): boolean {
    if (step && step.step > (this.#step?.step ?? -1)) {
      this.#step = step;
      this.#stepAtMs = timeMs;
      this.#stepMs = this.#stepMs === undefined ? step.stepMs : this.#stepMs * 0.9 + step.stepMs * 0.1;
      return true;
    }
    if (evaluation && Number.isFinite(evaluation.loss)) {
      this.#evaluation = { step: evaluation.step, loss: evaluation.loss };
      if (!this.#best || evaluation.loss < this.#best.loss) this.#best = this.#evaluation;
      return true;
    }
    if (checkpoint && checkpoint.step > (this.#checkpoint?.step ?? -1)) {
      this.#checkpoint = { step: checkpoint.step, atMs: timeMs };
      return true;
    }
    return false;
  }

  /** Undefined before the first step. */
  part(): ProgressPart | undefined {
    const last = this.#step;
    if (!last) return undefined;
    const done = last.step + 1;
    const etaSeconds = Math.ceil(((last.steps - done) * (this.#stepMs ?? 0)) / 1000);
    const loss = Number.isFinite(last.loss) ? last.loss : undefined;
    const speed = Number.isFinite(last.tokensPerSecond) ? last.tokensPerSecond : undefined;
    return {
      progress: {
        step: done,
        steps: last.steps,
        ...(loss !== undefined && { loss }),
        ...(this.#evaluation && { evalLoss: this.#evaluation.loss }),
        ...(speed !== undefined && { tokensPerSecond: speed }),
        etaSeconds,
        time: timeText(this.#stepAtMs),
      },
      ...(this.#checkpoint && {
        lastCheckpoint: { step: this.#checkpoint.step, time: timeText(this.#checkpoint.atMs) },
      }),
      summary: {
        progress: `${done}/${last.steps}`,
        ...(loss !== undefined && { loss: loss.toFixed(3) }),
        ...(this.#evaluation && { eval: this.#evaluation.loss.toFixed(3) }),
        eta: done >= last.steps ? '0s' : durationText(etaSeconds),
        ...(speed !== undefined && { tokensPerSecond: speed.toFixed(0) }),
        ...(this.#best && { best: `${this.#best.loss.toFixed(3)}@${this.#best.step}` }),
      },
    };
  }
}

/** Rounded up, so that it never lies before the time that `runningSince` and pods' ends are compared with. */
const timeText = (ms: number): string => `${new Date(Math.ceil(ms / 1000) * 1000).toISOString().slice(0, 19)}Z`;

/** `1h5m`, `12m`, `40s`. */
export function durationText(seconds: number): string {
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours}h${minutes % 60}m` : `${Math.floor(hours / 24)}d${hours % 24}h`;
}
