import { EspalierError } from '../../../api/errors.js';
import type { Policy } from '../decide.js';
import { blowsSinceStep, deathsSinceStep, describeEnd, endOf } from '../world.js';

/**
 * Worker deaths with no committed step between them that end a job; the same budget as on one machine. A node that takes many
 * workers with it is no reason to give up: one index must have died several times.
 */
export const mostDeaths = 5;
const mostBlows = 3;
/** Wrong input: another try would find the same. */
const exitBadInput = 2;

/** A verdict that no retry can change ends the job at once; so does a budget of deaths that is used up. */
export const failure: Policy = (world) => {
  for (const pod of world.workerPods) {
    const end = endOf(pod);
    if (end?.verdict?.outcome === 'failed' && !end.verdict.retry) {
      const { name, message, remedy } = end.verdict;
      return { kind: 'fail', reason: name, message: `${message}; ${remedy}` };
    }
    if (end?.exitCode === exitBadInput && end.verdict?.outcome !== 'failed')
      return {
        kind: 'fail',
        reason: 'WorkerRefused',
        message: `worker ${end.name} ended ${describeEnd(end)}; see its log`,
      };
  }
  const deaths = deathsSinceStep(world);
  const last = deaths.at(-1);
  if (!last || deaths.length < mostDeaths || blowsSinceStep(world) < mostBlows) return undefined;
  const how = last.verdict?.outcome === 'failed' ? `${describeEnd(last)}: ${last.verdict.message}` : describeEnd(last);
  const error = new EspalierError('WorkersCrashing', { deaths: deaths.length, pod: last.name, how });
  return { kind: 'fail', reason: error.name, message: `${error.message}; ${error.remedy}` };
};
