import type { FineTuneJobStatus } from '../../api/sections/status.js';
import { timeMs } from './world.js';

/** Closed spans are summed in `runningSeconds`; the open one begins at `runningSince`. */
export const runningSeconds = (
  { runningSeconds: closed = 0, runningSince }: FineTuneJobStatus,
  nowMs: number,
): number => closed + (runningSince === undefined ? 0 : Math.max(0, Math.floor((nowMs - timeMs(runningSince)) / 1000)));
