// Original file: proto/espalier/v1/query.proto

import type { Long } from '@grpc/proto-loader';

export interface CheckpointInput {
  'step'?: (number | string | Long);
  'url'?: (string);
  'loss'?: (number | string);
}

export interface Checkpoint {
  'step': (number);
  'url': (string);
  'loss': (number);
}
