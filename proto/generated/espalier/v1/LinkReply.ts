// Original file: proto/espalier/v1/exchange.proto

import type { Long } from '@grpc/proto-loader';

export interface LinkReplyInput {
  'member'?: (string);
  'view'?: (number | string | Long);
}

export interface LinkReply {
  'member': (string);
  'view': (number);
}
