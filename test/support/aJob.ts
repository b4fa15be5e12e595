import { apiVersion, type FineTuneJob, type FineTuneJobInput, kind } from '../../api/fineTuneJob.js';
import { checkJob } from '../../api/parse/parseJob.js';

type DeepPartial<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: DeepPartial<T[K]> } : T;

const defaults: FineTuneJobInput = {
  apiVersion,
  kind,
  metadata: { name: 'a-job' },
  spec: {
    base: { source: './base' },
    data: { train: [{ source: './train.jsonl' }] },
    method: { lora: { rank: 4, alpha: 8 } },
    training: { maxSteps: 4, batch: { sequences: 4 } },
    output: { destination: './out' },
  },
};

/**
 * A valid job with a typed deep override of its spec, read by the schema, so that no test holds an impossible job.
 * Lists are replaced whole; `undefined` removes a default: `aJob({ training: { maxSteps: undefined, epochs: 2 } })`.
 */
export function aJob(spec: DeepPartial<FineTuneJobInput['spec']> = {}, name = 'a-job'): FineTuneJob {
  return checkJob(merge(defaults, { metadata: { name }, spec }), { file: 'aJob' });
}

function merge(base: unknown, over: unknown): unknown {
  if (!isObject(base) || !isObject(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    if (value === undefined) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
