// Original file: proto/espalier/v1/query.proto

import type { ProgressInput as _espalier_v1_ProgressInput, Progress as _espalier_v1_Progress } from '../../espalier/v1/Progress.js';
import type { JobWorkerInput as _espalier_v1_JobWorkerInput, JobWorker as _espalier_v1_JobWorker } from '../../espalier/v1/JobWorker.js';
import type { CheckpointInput as _espalier_v1_CheckpointInput, Checkpoint as _espalier_v1_Checkpoint } from '../../espalier/v1/Checkpoint.js';
import type { ArtifactInput as _espalier_v1_ArtifactInput, Artifact as _espalier_v1_Artifact } from '../../espalier/v1/Artifact.js';
import type { JobEventInput as _espalier_v1_JobEventInput, JobEvent as _espalier_v1_JobEvent } from '../../espalier/v1/JobEvent.js';
import type { DataReportInput as _espalier_v1_DataReportInput, DataReport as _espalier_v1_DataReport } from '../../espalier/v1/DataReport.js';
import type { ResolvedInput as _espalier_v1_ResolvedInput, Resolved as _espalier_v1_Resolved } from '../../espalier/v1/Resolved.js';
import type { CostInput as _espalier_v1_CostInput, Cost as _espalier_v1_Cost } from '../../espalier/v1/Cost.js';
import type { MetricPointInput as _espalier_v1_MetricPointInput, MetricPoint as _espalier_v1_MetricPoint } from '../../espalier/v1/MetricPoint.js';
import type { Long } from '@grpc/proto-loader';

export interface JobInput {
  'namespace'?: (string);
  'name'?: (string);
  'uid'?: (string);
  'generation'?: (number | string | Long);
  'state'?: (string);
  'reason'?: (string);
  'message'?: (string);
  'progress'?: (_espalier_v1_ProgressInput | null);
  'workers'?: (_espalier_v1_JobWorkerInput)[];
  'checkpoints'?: (_espalier_v1_CheckpointInput)[];
  'artifacts'?: (_espalier_v1_ArtifactInput)[];
  'events'?: (_espalier_v1_JobEventInput)[];
  'recipeHash'?: (string);
  'createdMs'?: (number | string | Long);
  'finishedMs'?: (number | string | Long);
  'data'?: (_espalier_v1_DataReportInput | null);
  'resolved'?: (_espalier_v1_ResolvedInput | null);
  'cost'?: (_espalier_v1_CostInput | null);
  'best'?: (_espalier_v1_MetricPointInput | null);
  'attempt'?: (number);
  'restarts'?: (number);
}

export interface Job {
  'namespace': (string);
  'name': (string);
  'uid': (string);
  'generation': (number);
  'state': (string);
  'reason': (string);
  'message': (string);
  'progress': (_espalier_v1_Progress | null);
  'workers': (_espalier_v1_JobWorker)[];
  'checkpoints': (_espalier_v1_Checkpoint)[];
  'artifacts': (_espalier_v1_Artifact)[];
  'events': (_espalier_v1_JobEvent)[];
  'recipeHash': (string);
  'createdMs': (number);
  'finishedMs': (number);
  'data': (_espalier_v1_DataReport | null);
  'resolved': (_espalier_v1_Resolved | null);
  'cost': (_espalier_v1_Cost | null);
  'best': (_espalier_v1_MetricPoint | null);
  'attempt': (number);
  'restarts': (number);
}
