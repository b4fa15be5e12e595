import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { fail } from '../api/errors.js';
import type { FineTuneJob } from '../api/fineTuneJob.js';
import { parseJob } from '../api/parse/parseJob.js';
import { flag, positional } from './command.js';
import type { Deps, JobContext } from './deps.js';

/** Arguments of every command that takes a manifest; spread them into its `args`. */
export const jobArguments = {
  file: positional(z.string(), 'FILE', 'the FineTuneJob manifest (YAML or JSON); - reads standard input'),
  set: flag(
    z.array(z.string()).default([]),
    'PATH=VALUE',
    'override a field, e.g. spec.training.epochs=2; null removes it',
  ),
};

/** Reads and validates a manifest. Throws `JobUnreadable` or `JobInvalid`. */
export async function loadJob(
  deps: Deps,
  { file, set }: { readonly file: string; readonly set: readonly string[] },
): Promise<{ readonly job: FineTuneJob; readonly context: JobContext }> {
  const path = resolve(deps.workingDirectory, file);
  const bytes = file === '-' ? await deps.readStdin() : await readFile(path).catch((error) => unreadable(file, error));
  const context = {
    directory: file === '-' ? deps.workingDirectory : dirname(path),
    cacheDirectory: deps.cacheDirectory,
    env: deps.env,
    signal: deps.signal,
  };
  return { job: parseJob(decode(file, bytes), { file: file === '-' ? 'stdin' : file, set }), context };
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
  EACCES: 'permission denied',
};

const unreadable = (file: string, error: NodeJS.ErrnoException): never =>
  fail('JobUnreadable', { file, reason: reasons[error.code ?? ''] ?? error.message }, { cause: error });

function decode(file: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    return fail('JobUnreadable', { file, reason: 'it is not UTF-8 text' }, { cause: error });
  }
}
