import type { JobFilter, JobKey, JobMessage } from '../../controller/query/jobs.js';

/** A change as commands see it; what `SYNCED` ends is the first picture. */
export type SourceChange =
  | { readonly kind: 'ADDED' | 'CHANGED' | 'REMOVED'; readonly job: JobMessage }
  | { readonly kind: 'SYNCED' };

/** Where jobs of a cluster are read: the API server (kubeconfig) or the controller's gRPC status (address). */
export interface JobSource extends AsyncDisposable {
  /** When none is named; undefined = one must be. */
  readonly namespace: string | undefined;
  /** Throws `JobUnknown`. */
  get(key: JobKey): Promise<JobMessage>;
  list(filter: JobFilter): Promise<readonly JobMessage[]>;
  changes(filter: JobFilter, signal: AbortSignal): AsyncIterable<SourceChange>;
}
