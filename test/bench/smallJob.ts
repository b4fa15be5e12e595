import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Base } from '../../worker/model/base.js';
import { type Prepared, prepareJob } from '../../worker/preflight/prepare.js';
import { aJob } from '../support/aJob.js';
import { quietPreparation } from '../support/preparing.js';
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
  return prepareJob(job, quietPreparation(folder, cacheFolder));
}
