import type { JobResource } from '../../query/jobs.js';
import type { FineTuneJobObject } from './objects.js';

/** The resource as the status service and the command line know it. */
export const jobResourceOf = ({ metadata, status }: FineTuneJobObject): JobResource => ({
  namespace: metadata?.namespace ?? '',
  name: metadata?.name ?? '',
  uid: metadata?.uid ?? '',
  generation: metadata?.generation ?? 0,
  createdMs: metadata?.creationTimestamp ? new Date(metadata.creationTimestamp).getTime() : 0,
  status,
});
