import { EspalierError } from '../../../api/errors.js';
import type { FineTuneJob } from '../../../api/fineTuneJob.js';
import type { Policy } from '../decide.js';
import { validJob } from '../world.js';

/** What the API server could not see: rules that CEL cannot say, a destination that no other pod would find. */
export const refuse: Policy = (world) => {
  if ('invalid' in world.job)
    return { kind: 'fail', reason: world.job.invalid.name, message: world.job.invalid.message };
  const job = validJob(world)!;
  if (isShared(job)) return undefined;
  const error = new EspalierError('DestinationNotShared', { destination: job.spec.output.destination });
  return { kind: 'fail', reason: error.name, message: `${error.message}; ${error.remedy}` };
};

function isShared({ spec: { output, workers } }: FineTuneJob): boolean {
  const { destination } = output;
  if (destination.startsWith('s3://')) return true;
  const path = destination.replace(/^file:\/\//, '');
  return workers.volumes.some(
    ({ mountPath, readOnly }) => !readOnly && `${path}/`.startsWith(`${mountPath.replace(/\/+$/, '')}/`),
  );
}
