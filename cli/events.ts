import type { LogFields } from '../common/log.js';

/**
 * What commands say. Both renderers print exactly these, so `--json` and the screen cannot disagree. A failure is a throw;
 * the frame turns it into the last event.
 */
export type CliEvent =
  | JobStateEvent
  | LogLineEvent
  | PhaseEvent
  | ReportEvent
  | ProgressEvent
  | WarningEvent
  | WorkerLogEvent
  | ResultEvent;

export interface PhaseEvent {
  readonly event: 'phase';
  /** What is being done, e.g. `read the base`. */
  readonly phase: string;
  readonly state: 'started' | 'ended';
  /** One line about how it went, or what is done. */
  readonly detail?: string;
  /** How long it took, when ended. */
  readonly seconds?: number;
}

/** A block of findings: lines for the screen, the same as data for programs. */
export interface ReportEvent {
  readonly event: 'report';
  readonly title: string;
  readonly lines: readonly string[];
  readonly data: LogFields;
}

export interface ProgressEvent {
  readonly event: 'progress';
  /** Committed optimizer steps, of `steps`. */
  readonly step: number;
  readonly steps: number;
  /** Mean loss per supervised token of the step; null before the first. */
  readonly loss: number | null;
  readonly tokensPerSecond: number;
  readonly etaSeconds: number | null;
  /** Resident memory of all processes together. */
  readonly rssBytes: number;
  readonly workers: number;
}

export interface WarningEvent {
  readonly event: 'warning';
  readonly message: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** The last lines of a worker's log, told before an error. */
export interface WorkerLogEvent {
  readonly event: 'log';
  readonly worker: string;
  readonly file: string;
  readonly lines: readonly string[];
}

/** The outcome, always last. `fields` is the JSON object, `lines` say the same on the screen. */
export interface ResultEvent {
  readonly event: 'result';
  readonly fields: LogFields;
  readonly lines: readonly string[];
}

/** A job of a cluster as it is now, told by `watch` and `wait`. */
export interface JobStateEvent {
  readonly event: 'job';
  readonly change: 'ADDED' | 'CHANGED' | 'REMOVED';
  readonly namespace: string;
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  readonly message: string;
  readonly step: number;
  readonly steps: number;
  /** Null before the first step. */
  readonly loss: number | null;
}

/** One line of a pod's log, as it comes. */
export interface LogLineEvent {
  readonly event: 'line';
  readonly worker: string;
  readonly text: string;
}
