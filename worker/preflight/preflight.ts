import { join } from 'node:path';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import type { Verdict } from '../../api/podVerdict.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { Paths } from '../pod/mounts.js';
import { uploadPrepared } from '../pod/preparedStore.js';
import { readyVerdict } from '../pod/readyVerdict.js';
import { writePrepared } from '../recipe/prepared.js';
import type { SecretOf } from './places.js';
import { prepareJob } from './prepare.js';
import { checkWorkerRoom, workerRoom } from './workerRoom.js';

export interface PreflightDeps {
  readonly paths: Paths;
  readonly secretOf: SecretOf;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Prepares a job in its own pod and leaves the recipe in the output store, where every worker finds it. */
export async function preflight(job: FineTuneJob, deps: PreflightDeps): Promise<Verdict> {
  const { paths, secretOf, env, clock, log, signal } = deps;
  const prepared = await prepareJob(job, {
    workingFolder: '/',
    cacheDirectory: paths.cache,
    env,
    secretOf,
    clock,
    log,
    signal,
    onPhase: (phase) => log.info(`preflight: ${phase.phase}`, { ended: Object.keys(phase).length > 1 }),
  });
  checkWorkerRoom(job, prepared, workerRoom(job, env));
  const { compiled, record, destination, warnings } = prepared;
  for (const warning of warnings) log.warn(warning.message, { code: warning.code, remedy: warning.remedy });
  const folder = join(paths.work, 'prepared');
  await writePrepared(folder, compiled, record);
  const preparedUrl = await uploadPrepared(destination.store, compiled.hash, folder, signal);
  return readyVerdict(prepared, preparedUrl);
}
