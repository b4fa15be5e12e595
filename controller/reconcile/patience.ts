import type { FineTuneJobStatus } from '../../api/sections/status.js';

/** Pods of one job come within seconds of each other, and the next state with them; those of a crowd take as long as it is. */
const mostMs = { count: 5000, crowd: 60_000 } as const;
type Why = keyof typeof mostMs;
/** So many jobs that start at once are served as they come. */
const fewJobs = 8;
/** Who has no pods after this long waits for something else than its turn. */
const startWithinMs = 30_000;

/**
 * What is not worth a write of its own waits a while for something that is. While many jobs start at once, the API server is
 * left to the pods: a status is many times as dear to it as any object that a job needs.
 */
export class Patience {
  /** By UID of the job: since when something waits, and for what. */
  readonly #held = new Map<string, { readonly sinceMs: number; readonly why: Why }>();
  /** By UID: since when a job waits for its pods, oldest first. */
  readonly #startingMs = new Map<string, number>();

  /** How much longer; 0 = no more. */
  leftMs(uid: string, nowMs: number, why: Why): number {
    const sinceMs = this.#held.get(uid)?.sinceMs ?? nowMs;
    this.#held.set(uid, { sinceMs, why });
    return Math.max(0, sinceMs + mostMs[why] - nowMs);
  }

  /** Nothing waits any more. */
  written(uid: string): void {
    this.#held.delete(uid);
  }

  /** Whether a job waits for its pods. */
  note(uid: string, isStarting: boolean, nowMs: number): void {
    if (!isStarting) this.#startingMs.delete(uid);
    else if (!this.#startingMs.has(uid)) this.#startingMs.set(uid, nowMs);
  }

  isCrowded(nowMs: number): boolean {
    let count = 0;
    for (const sinceMs of this.#startingMs.values()) {
      if (nowMs - sinceMs < startWithinMs) count += 1;
      if (count > fewJobs) return true;
    }
    return false;
  }

  /** Something of this job waits for the crowd to go. */
  isHeld(uid: string): boolean {
    return this.#held.get(uid)?.why === 'crowd';
  }

  forget(uid: string): void {
    this.#held.delete(uid);
    this.#startingMs.delete(uid);
  }
}

type Patch = Readonly<Record<string, unknown>>;

/** Whether this change of the status may wait, and for what. */
export const mayWait = (patch: Patch, status: FineTuneJobStatus, isCrowded: boolean): Why | undefined =>
  isCrowded && isStarting(patch, status) ? 'crowd' : isCountOnly(patch) ? 'count' : undefined;

/** Pods come one by one: how many there are is told with the state that follows from it, if that comes soon. */
const isCountOnly = ({ workers, ...others }: Patch): boolean =>
  Object.keys(others).length === 0 && Object.keys(workers ?? {}).join() === 'replicas';

/** Nothing but that a job starts as it should: making the pods of others comes before telling of this one's. */
const isStarting = (patch: Patch, { attempt = 0, conditions }: FineTuneJobStatus): boolean =>
  attempt === 0 &&
  Object.keys(patch).every((name) => toldAtTheStart.includes(name)) &&
  (conditions?.every(({ reason }) => startReasons.includes(reason ?? '')) ?? false);

const startReasons: readonly string[] = ['PreflightStarting', 'Preparing', 'WorkersStarting', 'Training'];
/** What a later decision is made from, like the recipe's hash or the numerics, is not among them. */
const toldAtTheStart: readonly string[] = [
  'state',
  'observedGeneration',
  'conditions',
  'startTime',
  'attempt',
  'runningSeconds',
  'runningSince',
  'workers',
  'summary',
];
