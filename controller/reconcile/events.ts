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
  if (before.recipeHash === undefined && after.recipeHash !== undefined)
    events.push({ type: 'Normal', reason: 'PreflightPassed', message: `recipe ${after.recipeHash.slice(0, 12)}` });
  if ((after.attempt ?? 0) > (before.attempt ?? 0))
    events.push({
      type: 'Warning',
      reason: 'Restarted',
      message: `attempt ${after.attempt} resumes from the checkpoint`,
    });
  if (after.state && after.state !== before.state) {
    const bad = after.state === 'Failed' || after.state === 'Stalled';
    const reason = bad ? is.reason : told[after.state];
    events.push({ type: bad ? 'Warning' : 'Normal', reason, message: is.message });
  } else if (is.reason !== was.reason && is.reason !== '' && !ordinary.includes(is.reason))
    events.push({ type: 'Warning', reason: is.reason, message: is.message });
  return events;
}

function finding({ conditions }: FineTuneJobStatus): { readonly reason: string; readonly message: string } {
  const ready = conditions?.find(({ type }) => type === 'Ready');
  return { reason: ready?.reason ?? '', message: ready?.message ?? '' };
}
