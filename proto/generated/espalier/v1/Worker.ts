// Original file: proto/espalier/v1/worker.proto

import type { MethodDefinition } from '@grpc/proto-loader'
import type { SetViewReplyInput as _espalier_v1_SetViewReplyInput, SetViewReply as _espalier_v1_SetViewReply } from '../../espalier/v1/SetViewReply.js';
import type { SetViewRequestInput as _espalier_v1_SetViewRequestInput, SetViewRequest as _espalier_v1_SetViewRequest } from '../../espalier/v1/SetViewRequest.js';
import type { StopReplyInput as _espalier_v1_StopReplyInput, StopReply as _espalier_v1_StopReply } from '../../espalier/v1/StopReply.js';
import type { StopRequestInput as _espalier_v1_StopRequestInput, StopRequest as _espalier_v1_StopRequest } from '../../espalier/v1/StopRequest.js';
import type { WatchEventsRequestInput as _espalier_v1_WatchEventsRequestInput, WatchEventsRequest as _espalier_v1_WatchEventsRequest } from '../../espalier/v1/WatchEventsRequest.js';
import type { WorkerEventInput as _espalier_v1_WorkerEventInput, WorkerEvent as _espalier_v1_WorkerEvent } from '../../espalier/v1/WorkerEvent.js';

export interface WorkerDefinition {
  SetView: MethodDefinition<_espalier_v1_SetViewRequestInput, _espalier_v1_SetViewReplyInput, _espalier_v1_SetViewRequest, _espalier_v1_SetViewReply>
  Stop: MethodDefinition<_espalier_v1_StopRequestInput, _espalier_v1_StopReplyInput, _espalier_v1_StopRequest, _espalier_v1_StopReply>
  WatchEvents: MethodDefinition<_espalier_v1_WatchEventsRequestInput, _espalier_v1_WorkerEventInput, _espalier_v1_WatchEventsRequest, _espalier_v1_WorkerEvent>
}
