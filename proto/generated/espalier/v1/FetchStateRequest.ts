// Original file: proto/espalier/v1/exchange.proto

import type { Long } from '@grpc/proto-loader';

export interface FetchStateRequestInput {
  'afterStep'?: (number | string | Long);
}

export interface FetchStateRequest {
  'afterStep': (number);
}
