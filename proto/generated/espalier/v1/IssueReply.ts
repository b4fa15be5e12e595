// Original file: proto/espalier/v1/identity.proto

import type { Long } from '@grpc/proto-loader';

export interface IssueReplyInput {
  'certificate'?: (string);
  'authority'?: (string);
  'identity'?: (string);
  'expiresMs'?: (number | string | Long);
}

export interface IssueReply {
  'certificate': (string);
  'authority': (string);
  'identity': (string);
  'expiresMs': (number);
}
