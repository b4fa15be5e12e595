// Original file: proto/espalier/v1/query.proto

import type { Long } from '@grpc/proto-loader';

export interface CheckpointInput {
  'step'?: (number | string | Long);
  'url'?: (string);
  'loss'?: (number | string);
  'evaluationLoss'?: (number | string);
  '_evaluationLoss'?: "evaluationLoss";
}

export interface Checkpoint {
  'step': (number);
  'url': (string);
  'loss': (number);
  'evaluationLoss'?: (number);
  '_evaluationLoss'?: "evaluationLoss";
}
