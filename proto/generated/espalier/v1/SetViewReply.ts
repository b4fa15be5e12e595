// Original file: proto/espalier/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface SetViewReplyInput {
  'number'?: (number | string | Long);
}

export interface SetViewReply {
  'number': (number);
}
