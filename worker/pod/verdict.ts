import { writeFileSync } from 'node:fs';
import { EspalierError } from '../../api/errors.js';
import type { StatusData, StatusResolved } from '../../api/sections/status.js';

/** The last words of a pod, which the controller reads from its status (controller/reconcile/world.ts has the other end). */
export type Verdict =
  | {
      readonly outcome: 'ready';
      readonly recipe: {
        readonly recipeHash: string;
        readonly preparedUrl: string;
        readonly steps: number;
        readonly summary: string;
        readonly data: StatusData;
        readonly resolved: StatusResolved;
      };
    }
  | { readonly outcome: 'published'; readonly url: string; readonly adapterSha256: string }
  | { readonly outcome: 'left' }
  | {
      readonly outcome: 'failed';
      readonly name: string;
      readonly code: string;
      readonly message: string;
      readonly remedy: string;
      readonly retry: boolean;
    };

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
