import { resolve } from 'node:path';
import { z } from 'zod';
import { defineCommand, flag } from '../command.js';
import { jobArguments, loadJob } from '../loadJob.js';
import { resultFields, resultLines } from '../local/result.js';
import { runLocally } from '../local/run.js';

export const run = defineCommand({
  name: 'run',
  summary: 'train a job on this machine with worker processes, and publish the adapter',
  args: z.strictObject({
    ...jobArguments,
    workers: flag(z.coerce.number().int().min(1).max(64).optional(), 'N', 'worker processes; the job says otherwise'),
    maxSteps: flag(z.coerce.number().int().min(1).optional(), 'N', 'optimizer steps, instead of what the job says'),
    out: flag(z.string().min(1).optional(), 'DIR', 'publish into a folder instead of the destination of the job'),
    s3: flag(z.string().startsWith('s3://').optional(), 'URL', 'publish below s3://bucket/prefix instead'),
    endpoint: flag(z.string().min(1).optional(), 'URL', 'S3 endpoint used for every connection of the job'),
    base: flag(z.string().min(1).optional(), 'BASE', 'base instead of the one of the job; relative to this folder'),
  }),
  async *run(args, deps) {
    const { job, context } = await loadJob(deps, { file: args.file, set: [...args.set, ...overrides(args, deps)] });
    const { endpoint } = args;
    const words = [args.file, ...args.set.flatMap((set) => ['--set', set]), ...given(args)];
    const again = ['espalier run', ...words.map(shellWord)].join(' ');
    const done = yield* runLocally(job, context, deps, { endpoint, again });
    yield { event: 'result', fields: resultFields(done), lines: resultLines(done) };
  },
});

interface Flags {
  readonly workers?: number | undefined;
  readonly maxSteps?: number | undefined;
  readonly out?: string | undefined;
  readonly s3?: string | undefined;
  readonly base?: string | undefined;
  readonly endpoint?: string | undefined;
}

/** Flags are overrides of the manifest: one place decides what a job is, and one hash identifies it. */
function overrides({ workers, maxSteps, out, s3, base }: Flags, deps: { workingDirectory: string }): string[] {
  const destination = s3 ?? (out === undefined ? undefined : resolve(deps.workingDirectory, out));
  return [
    ...(workers === undefined ? [] : [`spec.workers.replicas=${workers}`, 'spec.workers.minReplicas=1']),
    ...(maxSteps === undefined ? [] : ['spec.training.epochs=null', `spec.training.maxSteps=${maxSteps}`]),
    ...(destination === undefined ? [] : [`spec.output.destination=${JSON.stringify(destination)}`]),
    ...(out === undefined ? [] : ['spec.output.connection=null']),
    ...(base === undefined ? [] : [`spec.base.source=${JSON.stringify(located(base, deps.workingDirectory))}`]),
  ];
}

/** A path on the command line starts where the user stands, one in the manifest at the manifest. */
const located = (base: string, workingDirectory: string): string =>
  /^[a-z0-9]+:\/\//.test(base) ? base : resolve(workingDirectory, base);

const given = ({ workers, maxSteps, out, s3, base, endpoint }: Flags): string[] =>
  Object.entries({ workers, 'max-steps': maxSteps, out, s3, base, endpoint }).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, String(value)],
  );

/** As a shell takes it for one word. */
const shellWord = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
