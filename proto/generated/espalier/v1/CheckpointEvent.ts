// Original file: proto/espalier/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface CheckpointEventInput {
  'step'?: (number | string | Long);
  'url'?: (string);
}

export interface CheckpointEvent {
  'step': (number);
  'url': (string);
}
