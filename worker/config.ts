import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { EspalierError } from '../api/errors.js';

const storeReference = z.strictObject({
  url: z.string().min(1),
  endpoint: z.string().optional(),
  region: z.string().optional(),
});

/** Everything a worker process is told, in one file; credentials alone come from the environment. */
export const workerConfig = z.strictObject({
  /** Unique among all lives of all workers: pod UID (or local slot) and boot nonce. */
  member: z.string().min(1),
  recipeHash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Folder with recipe.json, tokens.bin and job.json. */
  preparedFolder: z.string().min(1),
  /** The base as a Hugging Face folder with float32 weights. */
  baseFolder: z.string().min(1),
  cacheFolder: z.string().min(1),
  /** Scratch space of this worker: exports are written here before they are published. */
  workFolder: z.string().min(1),
  /** `host:port` or `unix:/path`. */
  listen: z.string().min(1),
  /** Proves to the workers of this job, and only to them, that a caller belongs to it. */
  token: z.string().min(16),
  engines: z.number().int().min(1),
  /** Chosen by whoever knows how many workers share the memory; absent = the worker looks at its own control group. */
  strategy: z.enum(['whole', 'layered']).optional(),
  /** Most memory that the worker may plan with; absent = what its control group leaves. */
  memoryBudgetBytes: z.number().int().min(1).optional(),
  /** How leaves are shared out; absent = by speed. `fixed` is the usual partition, which benchmarks compare with. */
  assignment: z.enum(['bySpeed', 'fixed']).optional(),
  checkpoint: z.strictObject({
    store: storeReference,
    everySteps: z.number().int().min(1),
    keepLast: z.number().int(),
  }),
  /** Where artifacts are published. */
  output: z.strictObject({ store: storeReference, merged: z.boolean() }),
  /** What this training took before, over all its launches: its cost is theirs together. Absent: this worker's life alone. */
  spent: z
    .strictObject({
      launchedAtMs: z.number(),
      secondsBefore: z.number().min(0),
    })
    .optional(),
  /** Stop (checkpointed and resumable) after this many steps. */
  untilStep: z.number().int().min(1).optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
});

export type WorkerConfig = z.output<typeof workerConfig>;
export type StoreReference = z.output<typeof storeReference>;

/** Reads the file. Throws `Internal` when it does not fit: launcher and worker come from one release. */
export async function readWorkerConfig(path: string): Promise<WorkerConfig> {
  const parsed = workerConfig.safeParse(JSON.parse(await readFile(path, 'utf8')));
  if (parsed.success) return parsed.data;
  throw new EspalierError('Internal', { what: `worker configuration ${path}: ${z.prettifyError(parsed.error)}` });
}
