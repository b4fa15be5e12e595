// Original file: proto/espalier/v1/identity.proto

import type { Long } from '@grpc/proto-loader';

export interface IssueReplyInput {
  'certificate'?: (string);
  'authority'?: (string);
  'identity'?: (string);
  'expiresMs'?: (number | string | Long);
  'jobToken'?: (string);
}

export interface IssueReply {
  'certificate': (string);
  'authority': (string);
  'identity': (string);
  'expiresMs': (number);
  'jobToken': (string);
}
