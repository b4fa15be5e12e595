// Original file: proto/espalier/v1/exchange.proto

import type { Long } from '@grpc/proto-loader';

export interface PieceHeaderInput {
  'member'?: (string);
  'step'?: (number | string | Long);
  'shard'?: (number);
  'node'?: (number);
  'sizeBytes'?: (number | string | Long);
  'sha256'?: (Buffer | Uint8Array | string);
}

export interface PieceHeader {
  'member': (string);
  'step': (number);
  'shard': (number);
  'node': (number);
  'sizeBytes': (number);
  'sha256': (Buffer);
}
