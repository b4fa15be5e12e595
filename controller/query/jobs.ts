import type { FineTuneJobStatus } from '../../api/sections/status.js';
import type { JobInput } from '../../proto/generated/espalier/v1/Job.js';
import type { MetricPointInput } from '../../proto/generated/espalier/v1/MetricPoint.js';

export interface JobKey {
  readonly namespace: string;
  readonly name: string;
}

/** What the resource says; `uid` tells two jobs of one name apart. */
export interface JobResource extends JobKey {
  readonly uid: string;
  readonly generation: number;
  readonly createdMs: number;
  readonly status: FineTuneJobStatus | undefined;
}

/** Every field filled in, as clients get it. */
export type JobMessage = JobInput & { readonly namespace: string; readonly name: string; readonly state: string };

export interface JobFilter {
  /** Absent = every namespace. */
  readonly namespace?: string;
  readonly name?: string;
  /** Absent or empty = any state; compared without regard to case. */
  readonly states?: readonly string[];
}

export interface JobPage {
  readonly jobs: readonly JobMessage[];
  /** Where the next page starts; undefined after the last. */
  readonly next: string | undefined;
}

/** One change; `token` resumes right after it. */
export type JobChanged =
  | { readonly kind: 'ADDED' | 'CHANGED' | 'REMOVED'; readonly job: JobMessage; readonly token: string }
  | { readonly kind: 'SYNCED'; readonly token: string };

export type Point = MetricPointInput & { readonly step: number };

/** The jobs as the status service reads them. Filled by the controller (`JobIndex`). */
export interface Jobs {
  get(key: JobKey): JobMessage | undefined;
  /** In order of namespace and name; `visible` decides by namespace, before the page is cut. */
  list(
    filter: JobFilter,
    page: { readonly size: number; readonly token: string },
    visible: (namespace: string) => Promise<boolean>,
  ): Promise<JobPage>;
  /**
   * The jobs as they are, `SYNCED`, then each change; with `after` only what came after that token. A reader that is slow
   * gets the newest state of each job and misses states in between. Throws `ResumeTokenInvalid`.
   */
  changes(filter: JobFilter, after: string, signal: AbortSignal): AsyncIterable<JobChanged>;
  /** Kept points after the step, then each new one; ends with the job. Throws `JobUnknown`. */
  points(key: JobKey, afterStep: number, signal: AbortSignal): AsyncIterable<Point>;
}
