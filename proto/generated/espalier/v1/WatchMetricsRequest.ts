// Original file: proto/espalier/v1/query.proto

import type { Long } from '@grpc/proto-loader';

export interface WatchMetricsRequestInput {
  'namespace'?: (string);
  'name'?: (string);
  'afterStep'?: (number | string | Long);
}

export interface WatchMetricsRequest {
  'namespace': (string);
  'name': (string);
  'afterStep': (number);
}
