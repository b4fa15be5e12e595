// Original file: proto/espalier/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface ReadyEventInput {
  'nextStep'?: (number | string | Long);
}

export interface ReadyEvent {
  'nextStep': (number);
}
