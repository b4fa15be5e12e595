import type { FineTuneJobStatus } from '../../api/sections/status.js';

/** When a worker's container ran, in milliseconds; no end = it still does. */
export interface Span {
  readonly startedAtMs: number;
  readonly endedAtMs?: number | undefined;
}

/** Running time of all worker pods of a training together, as of a moment. */
export interface WorkerTime {
  readonly seconds: number;
  readonly atMs: number;
}

/** Adds what the pods ran since the last look. A pod that is gone counts up to the last look that saw it. */
export function accrue({ seconds, atMs }: WorkerTime, spans: readonly Span[], nowMs: number): WorkerTime {
  const sinceMs = spans.reduce((sum, { startedAtMs, endedAtMs = nowMs }) => {
    const overlapMs = Math.min(endedAtMs, nowMs) - Math.max(startedAtMs, atMs);
    return sum + Math.max(0, overlapMs);
  }, 0);
  return { seconds: seconds + sinceMs / 1000, atMs: Math.max(atMs, nowMs) };
}

/** What one worker asks for. */
export interface WorkerSize {
  readonly cpus: number;
  readonly gpus: number;
}

export interface Estimate {
  readonly workerSeconds: number;
  readonly atStep: number;
}

/** The part of a status about it. In GPU hours where there are GPUs, else in CPU hours. */
export function costOf(
  time: WorkerTime,
  estimate: Estimate | undefined,
  size: WorkerSize,
): NonNullable<FineTuneJobStatus['cost']> {
  const text = (seconds: number): string => {
    const [count, unit] = size.gpus > 0 ? [size.gpus, 'GPU-h'] : [size.cpus, 'CPU-h'];
    return `${((seconds * count) / 3600).toFixed(2)} ${unit}`;
  };
  return {
    workerSeconds: Math.round(time.seconds),
    time: `${new Date(time.atMs).toISOString().slice(0, 19)}Z`,
    total: text(time.seconds),
    ...(estimate && {
      estimatedWorkerSeconds: Math.round(estimate.workerSeconds),
      estimatedAtStep: estimate.atStep,
      estimate: text(estimate.workerSeconds),
    }),
  };
}

/** CPUs of a quantity such as `2`, `500m`, `1.5`. */
export function cpusOf(quantity: string): number {
  const found = /^([0-9.]+)(m?)$/.exec(quantity);
  return found ? Number(found[1]) / (found[2] === 'm' ? 1000 : 1) : 0;
}
