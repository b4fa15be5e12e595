// Original file: proto/espalier/v1/query.proto

import type { JobInput as _espalier_v1_JobInput, Job as _espalier_v1_Job } from '../../espalier/v1/Job.js';

export interface ListJobsReplyInput {
  'jobs'?: (_espalier_v1_JobInput)[];
  'nextPageToken'?: (string);
}

export interface ListJobsReply {
  'jobs': (_espalier_v1_Job)[];
  'nextPageToken': (string);
}
