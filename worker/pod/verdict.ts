import { writeFileSync } from 'node:fs';
import { EspalierError } from '../../api/errors.js';
import type { Verdict } from '../../api/podVerdict.js';

/** Kubernetes cuts what is longer. */
export const mostBytes = 4096;
const mostText = 1200;

export function failureVerdict(error: unknown): Verdict {
  const coded =
    error instanceof EspalierError
      ? error
      : new EspalierError('Internal', { what: error instanceof Error ? error.message : String(error) });
  const { name, code, message, remedy, retry } = coded;
  // Not every fault of ours is there the next time: a process that ran out of something may well succeed.
  return {
    outcome: 'failed',
    name,
    code,
    message: shortened(message),
    remedy: shortened(remedy),
    retry: retry || name === 'Internal',
  };
}

/** In time, whatever comes next: the process may be about to end. */
export function leaveVerdict(path: string, verdict: Verdict): void {
  writeFileSync(path, JSON.stringify(verdict).slice(0, mostBytes));
}

const shortened = (text: string): string => (text.length > mostText ? `${text.slice(0, mostText - 3)}...` : text);
