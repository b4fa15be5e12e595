import { EspalierError } from '../../../api/errors.js';
import type { Policy } from '../decide.js';
import { runningSeconds } from '../runningTime.js';
import { validJob } from '../world.js';

/** Running time only: waiting and suspended time are not counted. */
export const deadline: Policy = (world) => {
  const most = validJob(world)?.spec.activeDeadlineSeconds;
  if (most === undefined || runningSeconds(world.status, world.nowMs) < most) return undefined;
  const error = new EspalierError('DeadlineExceeded', { seconds: most });
  return { kind: 'fail', reason: error.name, message: `${error.message}; ${error.remedy}` };
};
