import type { FineTuneJob } from '../../api/fineTuneJob.js';

/** Where a job was read from: the resource as it was written, or the record of its start. */
export type JobSource = 'written' | 'resolved';

/** Answers with the job that `parse` makes of `text`. */
export type ParseJob = (uid: string, source: JobSource, text: string, parse: () => FineTuneJob) => FineTuneJob;

export const parseAnew: ParseJob = (_uid, _source, _text, parse) => parse();

interface Known {
  readonly text: string;
  readonly job: FineTuneJob;
}

/** A job is looked at many times before its text changes: it is parsed and checked once per text. */
export class ParsedJobs {
  /** By UID. */
  readonly #known = new Map<string, Partial<Record<JobSource, Known>>>();

  readonly read: ParseJob = (uid, source, text, parse) => {
    const known = this.#known.get(uid) ?? {};
    const found = known[source];
    if (found?.text === text) return found.job;
    const job = parse();
    known[source] = { text, job };
    this.#known.set(uid, known);
    return job;
  };

  forget(uid: string): void {
    this.#known.delete(uid);
  }
}
