// Original file: proto/espalier/v1/exchange.proto

import type { Long } from '@grpc/proto-loader';

export interface FetchRequestInput {
  'step'?: (number | string | Long);
  'shard'?: (number);
  'node'?: (number);
}

export interface FetchRequest {
  'step': (number);
  'shard': (number);
  'node': (number);
}
