// Original file: proto/espalier/v1/worker.proto

import type { PhaseEventInput as _espalier_v1_PhaseEventInput, PhaseEvent as _espalier_v1_PhaseEvent } from '../../espalier/v1/PhaseEvent.js';
import type { StepEventInput as _espalier_v1_StepEventInput, StepEvent as _espalier_v1_StepEvent } from '../../espalier/v1/StepEvent.js';
import type { EvaluationEventInput as _espalier_v1_EvaluationEventInput, EvaluationEvent as _espalier_v1_EvaluationEvent } from '../../espalier/v1/EvaluationEvent.js';
import type { CheckpointEventInput as _espalier_v1_CheckpointEventInput, CheckpointEvent as _espalier_v1_CheckpointEvent } from '../../espalier/v1/CheckpointEvent.js';
import type { ReadyEventInput as _espalier_v1_ReadyEventInput, ReadyEvent as _espalier_v1_ReadyEvent } from '../../espalier/v1/ReadyEvent.js';
import type { LeavingEventInput as _espalier_v1_LeavingEventInput, LeavingEvent as _espalier_v1_LeavingEvent } from '../../espalier/v1/LeavingEvent.js';
import type { ArtifactEventInput as _espalier_v1_ArtifactEventInput, ArtifactEvent as _espalier_v1_ArtifactEvent } from '../../espalier/v1/ArtifactEvent.js';
import type { ErrorEventInput as _espalier_v1_ErrorEventInput, ErrorEvent as _espalier_v1_ErrorEvent } from '../../espalier/v1/ErrorEvent.js';
import type { NumericsEventInput as _espalier_v1_NumericsEventInput, NumericsEvent as _espalier_v1_NumericsEvent } from '../../espalier/v1/NumericsEvent.js';
import type { Long } from '@grpc/proto-loader';

export interface WorkerEventInput {
  'sequence'?: (number | string | Long);
  'timeMs'?: (number | string | Long);
  'phase'?: (_espalier_v1_PhaseEventInput | null);
  'step'?: (_espalier_v1_StepEventInput | null);
  'evaluation'?: (_espalier_v1_EvaluationEventInput | null);
  'checkpoint'?: (_espalier_v1_CheckpointEventInput | null);
  'ready'?: (_espalier_v1_ReadyEventInput | null);
  'leaving'?: (_espalier_v1_LeavingEventInput | null);
  'artifact'?: (_espalier_v1_ArtifactEventInput | null);
  'error'?: (_espalier_v1_ErrorEventInput | null);
  'numerics'?: (_espalier_v1_NumericsEventInput | null);
  'body'?: "phase"|"step"|"evaluation"|"checkpoint"|"ready"|"leaving"|"artifact"|"error"|"numerics";
}

export interface WorkerEvent {
  'sequence': (number);
  'timeMs': (number);
  'phase'?: (_espalier_v1_PhaseEvent | null);
  'step'?: (_espalier_v1_StepEvent | null);
  'evaluation'?: (_espalier_v1_EvaluationEvent | null);
  'checkpoint'?: (_espalier_v1_CheckpointEvent | null);
  'ready'?: (_espalier_v1_ReadyEvent | null);
  'leaving'?: (_espalier_v1_LeavingEvent | null);
  'artifact'?: (_espalier_v1_ArtifactEvent | null);
  'error'?: (_espalier_v1_ErrorEvent | null);
  'numerics'?: (_espalier_v1_NumericsEvent | null);
  'body'?: "phase"|"step"|"evaluation"|"checkpoint"|"ready"|"leaving"|"artifact"|"error"|"numerics";
}
