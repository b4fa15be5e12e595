import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import type { Base } from '../../worker/model/base.js';
import { type Prepared, prepareJob } from '../../worker/preflight/prepare.js';
import { aJob } from '../support/aJob.js';
import { jobOf, runningText } from './workload.js';

export interface SmallJob {
  readonly base: Base;
  readonly cacheFolder: string;
  /** Where its data are written. */
  readonly folder: string;
  /** Micro-batches of one row in a step. */
  readonly rows: number;
  readonly tokens: number;
  readonly steps: number;
}

/** A job on the real base with running text, prepared as `espalier run` prepares it. */
export async function smallJob({ base, cacheFolder, folder, rows, tokens, steps }: SmallJob): Promise<Prepared> {
  const file = join(folder, 'moby.jsonl');
  await writeFile(file, `${JSON.stringify({ text: await runningText() })}\n`);
  const job = aJob({
    ...jobOf(rows, steps),
    base: { source: base.directory },
    data: { train: [{ source: file }], maxTokens: tokens },
  });
  return await prepareJob(job, {
    workingFolder: folder,
    cacheDirectory: cacheFolder,
    env: {},
    secretOf: () => undefined,
    clock: systemClock,
    log: silentLogger,
    signal: new AbortController().signal,
    onPhase: () => {},
  });
}
