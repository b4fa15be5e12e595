// Original file: proto/espalier/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface WatchEventsRequestInput {
  'afterSequence'?: (number | string | Long);
}

export interface WatchEventsRequest {
  'afterSequence': (number);
}
