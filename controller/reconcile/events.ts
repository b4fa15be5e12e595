import { errors } from '../../api/errors.js';
import type { FineTuneJobStatus } from '../../api/sections/status.js';
import type { JobEvent } from '../cluster/cluster.js';
import type { State } from './conditions.js';

const told: Readonly<Record<State, string>> = {
  Pending: 'Pending',
  Preflight: 'PreflightStarted',
  Training: 'TrainingStarted',
  Paused: 'Paused',
  Stopping: 'Stopping',
  Suspended: 'Suspended',
  Complete: 'Complete',
  Failed: 'Failed',
  Stalled: 'Stalled',
};
const ordinary: readonly string[] = [
  'PreflightStarting',
  'Preparing',
  'WorkersStarting',
  'Training',
  'Suspending',
  'Suspended',
  'Published',
];

/** What somebody who watches should hear of the way from one status to the next. */
export function eventsBetween(before: FineTuneJobStatus, after: FineTuneJobStatus): readonly JobEvent[] {
  const [was, is] = [finding(before), finding(after)];
  const events: JobEvent[] = [];
  if (before.recipeHash === undefined && after.recipeHash !== undefined) events.push(...preflightEvents(after));
  if ((after.attempt ?? 0) > (before.attempt ?? 0))
    events.push({
      type: 'Warning',
      reason: 'Restarted',
      message: `attempt ${after.attempt} resumes from the checkpoint`,
    });
  const drift = after.workers?.drift;
  if (drift !== undefined && drift !== before.workers?.drift)
    events.push({
      type: 'Normal',
      reason: 'WorkerJobChanged',
      message: `others have changed ${drift} of the worker pods' template; it is left so`,
    });
  // That pods start is what making a job means: told by the status, and by an Event once they do or cannot.
  const isFirst = before.state === undefined || before.state === 'Preflight';
  const isJustStarting = isFirst && after.state === 'Pending' && is.reason === 'WorkersStarting';
  if (after.state && after.state !== before.state && !isJustStarting) {
    const bad = after.state === 'Failed' || after.state === 'Stalled';
    events.push(
      after.state === 'Failed'
        ? failure(is)
        : { type: bad ? 'Warning' : 'Normal', reason: bad ? is.reason : told[after.state], message: is.message },
    );
  } else if (is.reason === 'Preparing' && was.reason === 'PreflightStarting')
    events.push({
      type: 'Normal',
      reason: 'ModelDownloadStarted',
      message: 'the base is fetched, or found in the cache',
    });
  else if (is.reason !== was.reason && is.reason !== '' && !ordinary.includes(is.reason))
    events.push({ type: 'Warning', reason: is.reason, message: is.message });
  return events;
}

function finding({ conditions }: FineTuneJobStatus): { readonly reason: string; readonly message: string } {
  const ready = conditions?.find(({ type }) => type === 'Ready');
  return { reason: ready?.reason ?? '', message: ready?.message ?? '' };
}

/** What the preflight did, as people call it; it cannot tell while it runs, for its pod has no rights. */
function preflightEvents({ recipeHash = '', resolved, data }: FineTuneJobStatus): readonly JobEvent[] {
  const events: JobEvent[] = [];
  if (resolved?.baseSha256)
    events.push({
      type: 'Normal',
      reason: 'ModelDownloadComplete',
      message: `base ${resolved.baseSha256.slice(0, 12)}, revision ${resolved.baseRevision ?? 'unknown'}, ${resolved.parameters ?? 0} parameters`,
    });
  if (data)
    events.push({
      type: 'Normal',
      reason: 'DataDownloadComplete',
      message: `${data.used} of ${data.rows} rows used, ${data.tokens} tokens, ${data.supervisedTokens} of them learned`,
    });
  return [...events, { type: 'Normal', reason: 'PreflightPassed', message: `recipe ${recipeHash.slice(0, 12)}` }];
}

/** Whose turn it is: `UserError` is mended in the manifest or the data, `Error` is not. */
function failure({ reason, message }: { readonly reason: string; readonly message: string }): JobEvent {
  const entry = (errors as Readonly<Record<string, { readonly exit: number } | undefined>>)[reason];
  return { type: 'Warning', reason: entry?.exit === 2 ? 'UserError' : 'Error', message: `${reason}: ${message}` };
}
