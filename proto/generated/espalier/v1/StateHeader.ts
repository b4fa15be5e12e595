// Original file: proto/espalier/v1/exchange.proto

import type { Long } from '@grpc/proto-loader';

export interface StateHeaderInput {
  'step'?: (number | string | Long);
  'sizeBytes'?: (number | string | Long);
}

export interface StateHeader {
  'step': (number);
  'sizeBytes': (number);
}
