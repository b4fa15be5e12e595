// Original file: proto/espalier/v1/query.proto

import type { MethodDefinition } from '@grpc/proto-loader'
import type { GetJobRequestInput as _espalier_v1_GetJobRequestInput, GetJobRequest as _espalier_v1_GetJobRequest } from '../../espalier/v1/GetJobRequest.js';
import type { JobInput as _espalier_v1_JobInput, Job as _espalier_v1_Job } from '../../espalier/v1/Job.js';
import type { JobChangeInput as _espalier_v1_JobChangeInput, JobChange as _espalier_v1_JobChange } from '../../espalier/v1/JobChange.js';
import type { ListJobsReplyInput as _espalier_v1_ListJobsReplyInput, ListJobsReply as _espalier_v1_ListJobsReply } from '../../espalier/v1/ListJobsReply.js';
import type { ListJobsRequestInput as _espalier_v1_ListJobsRequestInput, ListJobsRequest as _espalier_v1_ListJobsRequest } from '../../espalier/v1/ListJobsRequest.js';
import type { MetricPointInput as _espalier_v1_MetricPointInput, MetricPoint as _espalier_v1_MetricPoint } from '../../espalier/v1/MetricPoint.js';
import type { WatchJobsRequestInput as _espalier_v1_WatchJobsRequestInput, WatchJobsRequest as _espalier_v1_WatchJobsRequest } from '../../espalier/v1/WatchJobsRequest.js';
import type { WatchMetricsRequestInput as _espalier_v1_WatchMetricsRequestInput, WatchMetricsRequest as _espalier_v1_WatchMetricsRequest } from '../../espalier/v1/WatchMetricsRequest.js';

export interface QueryDefinition {
  GetJob: MethodDefinition<_espalier_v1_GetJobRequestInput, _espalier_v1_JobInput, _espalier_v1_GetJobRequest, _espalier_v1_Job>
  ListJobs: MethodDefinition<_espalier_v1_ListJobsRequestInput, _espalier_v1_ListJobsReplyInput, _espalier_v1_ListJobsRequest, _espalier_v1_ListJobsReply>
  WatchJobs: MethodDefinition<_espalier_v1_WatchJobsRequestInput, _espalier_v1_JobChangeInput, _espalier_v1_WatchJobsRequest, _espalier_v1_JobChange>
  WatchMetrics: MethodDefinition<_espalier_v1_WatchMetricsRequestInput, _espalier_v1_MetricPointInput, _espalier_v1_WatchMetricsRequest, _espalier_v1_MetricPoint>
}
