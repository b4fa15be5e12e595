import { join } from 'node:path';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import type { Clock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import { describeReport } from '../../worker/data/describeReport.js';
import type { SecretOf } from '../../worker/preflight/places.js';
import { type Prepared, type PreparePhase, prepareJob } from '../../worker/preflight/prepare.js';
import { parametersOf } from '../../worker/record.js';
import type { JobContext } from '../deps.js';
import type { CliEvent } from '../events.js';
import { type Fit, fitJob, fitReport, type Machine, thisMachine } from './fit.js';
import { inOrder } from './inOrder.js';

export interface LocalPrepareOptions {
  readonly bases?: readonly string[] | undefined;
  readonly endpoint?: string | undefined;
  /** Secrets that the job's connections name. On one machine the environment and the usual files hold the credentials. */
  readonly secretOf?: SecretOf | undefined;
  readonly clock: Clock;
  readonly machine?: Machine;
}

/** A job with all that its workers need, and how they share this machine. */
export interface LocalJob extends Prepared {
  readonly fit: Fit;
}

/** Prepares a job on this machine and tells it as events, without training. */
export async function* prepareLocally(
  job: FineTuneJob,
  context: JobContext,
  { bases, endpoint, secretOf = () => undefined, clock, machine = thisMachine() }: LocalPrepareOptions,
): AsyncGenerator<CliEvent, LocalJob> {
  const told = inOrder<PreparePhase, Prepared>((onPhase) =>
    prepareJob(job, {
      workingFolder: context.directory,
      cacheDirectory: context.cacheDirectory,
      env: context.env,
      secretOf,
      endpoint,
      bases,
      clock,
      log: silentLogger,
      signal: context.signal,
      onPhase,
    }),
  );
  let startedAtMs = clock.monotonic();
  for (;;) {
    const { value, done } = await told.next();
    if (done) {
      for (const warning of value.warnings)
        yield { event: 'warning', message: `${warning.code} ${warning.message}`, remedy: warning.remedy };
      const fit = fitJob(job, value, machine);
      yield fitReport(fit);
      return { ...value, fit };
    }
    const ended = describe(value);
    const seconds = (clock.monotonic() - startedAtMs) / 1000;
    if (!ended) startedAtMs = clock.monotonic();
    yield {
      event: 'phase',
      phase: phases[value.phase],
      state: ended ? 'ended' : 'started',
      ...(ended && { detail: ended.detail, seconds }),
    };
    if (ended?.report) yield ended.report;
  }
}

const phases: Readonly<Record<PreparePhase['phase'], string>> = {
  destination: 'reach the destination',
  base: 'open the base',
  data: 'read the data',
  recipe: 'compile the recipe',
};

function describe(phase: PreparePhase): { detail: string; report?: CliEvent } | undefined {
  if (phase.phase === 'destination') return phase.destination && { detail: phase.destination.reference.url };
  if (phase.phase === 'base')
    return (
      phase.base && {
        detail: `${phase.base.nameOrPath} (${phase.base.spec.family}, ${millions(parametersOf(phase.base))} parameters, stored as ${phase.base.storedAs})`,
      }
    );
  if (phase.phase === 'data')
    return (
      phase.report && {
        detail: `${phase.report.train.rows} rows, ${phase.report.train.tokens} tokens, ${phase.report.train.supervisedTokens} of them learned`,
        report: {
          event: 'report',
          title: 'data',
          lines: describeReport(phase.report),
          data: { ...phase.report },
        },
      }
    );
  if (!phase.compiled) return undefined;
  const { recipe, hash } = phase.compiled;
  return { detail: `${recipe.training.steps} steps, recipe ${hash.slice(0, 12)}` };
}

const millions = (count: number): string => `${(count / 1e6).toFixed(count < 1e8 ? 1 : 0)}M`;

/** Folders of one local run; below them everything of one identity lies together. */
export const runFolder = (workingDirectory: string, recipeHash: string): string =>
  join(workingDirectory, '.espalier', 'runs', recipeHash.slice(0, 12));
