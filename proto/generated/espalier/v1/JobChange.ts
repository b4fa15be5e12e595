// Original file: proto/espalier/v1/query.proto

import type { JobInput as _espalier_v1_JobInput, Job as _espalier_v1_Job } from '../../espalier/v1/Job.js';

// Original file: proto/espalier/v1/query.proto

export const _espalier_v1_JobChange_Kind = {
  UNKNOWN: 'UNKNOWN',
  ADDED: 'ADDED',
  CHANGED: 'CHANGED',
  REMOVED: 'REMOVED',
  SYNCED: 'SYNCED',
} as const;

export type _espalier_v1_JobChange_KindInput =
  | 'UNKNOWN'
  | 0
  | 'ADDED'
  | 1
  | 'CHANGED'
  | 2
  | 'REMOVED'
  | 3
  | 'SYNCED'
  | 4

export type _espalier_v1_JobChange_Kind = typeof _espalier_v1_JobChange_Kind[keyof typeof _espalier_v1_JobChange_Kind]

export interface JobChangeInput {
  'kind'?: (_espalier_v1_JobChange_KindInput);
  'job'?: (_espalier_v1_JobInput | null);
  'resumeToken'?: (string);
}

export interface JobChange {
  'kind': (_espalier_v1_JobChange_Kind);
  'job': (_espalier_v1_Job | null);
  'resumeToken': (string);
}
