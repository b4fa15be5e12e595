// Original file: proto/espalier/v1/query.proto

import type { Long } from '@grpc/proto-loader';

export interface JobEventInput {
  'timeMs'?: (number | string | Long);
  'type'?: (string);
  'reason'?: (string);
  'message'?: (string);
  'count'?: (number);
  'firstMs'?: (number | string | Long);
}

export interface JobEvent {
  'timeMs': (number);
  'type': (string);
  'reason': (string);
  'message': (string);
  'count': (number);
  'firstMs': (number);
}
