import type { FineTuneJobStatus } from '../../api/sections/status.js';

export type State = NonNullable<FineTuneJobStatus['state']>;
export type Condition = NonNullable<FineTuneJobStatus['conditions']>[number];

/** What is the case, in one word, and why. */
export interface Finding {
  readonly state: State;
  readonly reason: string;
  readonly message: string;
}

const ended: readonly State[] = ['Complete', 'Failed'];
const stuck: readonly State[] = ['Failed', 'Stalled'];

/**
 * Every condition, every time, so that each has a known value. kstatus reads them as: Reconciling = InProgress, Stalled =
 * Failed, none of both and Ready = Current; so exactly one of Ready, Reconciling and Stalled is True.
 */
export function conditionsOf(
  { state, reason, message }: Finding,
  before: readonly Condition[],
  generation: number,
  nowMs: number,
): readonly Condition[] {
  const isTrue: Readonly<Record<string, boolean>> = {
    Ready: state === 'Complete',
    Reconciling: state !== 'Complete' && !stuck.includes(state),
    Stalled: stuck.includes(state),
    Suspended: state === 'Suspended',
    Complete: state === 'Complete',
    Failed: state === 'Failed',
    Finished: ended.includes(state),
  };
  return Object.entries(isTrue).map(([type, holds]) => {
    const status = holds ? 'True' : 'False';
    const old = before.find((condition) => condition.type === type);
    const lastTransitionTime = old?.status === status ? old.lastTransitionTime : timeText(nowMs);
    return {
      type,
      status,
      observedGeneration: generation,
      lastTransitionTime,
      reason,
      message: message.length > 1024 ? `${message.slice(0, 1021)}...` : message,
    };
  });
}

export const timeText = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
