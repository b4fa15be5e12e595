import type { FineTuneJob } from '../api/fineTuneJob.js';
import type { Clock } from '../common/clock.js';
import type { CliEvent } from './events.js';

/** What commands are given; `main.ts` makes it, tests make their own. */
export interface Deps {
  readonly env: Environment;
  readonly workingDirectory: string;
  /** Aborted by the first Ctrl-C or SIGTERM. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Bases lie in its sub-folder `bases`. */
  readonly cacheDirectory: string;
  /** All of standard input. */
  readonly readStdin: () => Promise<Uint8Array>;
  readonly prepare: Prepare;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Everything that can be found out about a job without training: resolves the base, reads and packs the data, compiles the
 * recipe, compares needed with available memory. Tells it as phases, reports and warnings; throws what would stop a run.
 */
export type Prepare = (job: FineTuneJob, context: JobContext) => AsyncIterable<CliEvent>;

export interface JobContext {
  /** Relative paths of the job start here: the folder of its file. */
  readonly directory: string;
  readonly cacheDirectory: string;
  readonly env: Environment;
  readonly signal: AbortSignal;
}
