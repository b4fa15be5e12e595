// Original file: proto/espalier/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface EvaluationEventInput {
  'step'?: (number | string | Long);
  'loss'?: (number | string);
  'generalLoss'?: (number | string);
}

export interface EvaluationEvent {
  'step': (number);
  'loss': (number);
  'generalLoss': (number);
}
