// Original file: proto/espalier/v1/exchange.proto

import type { Long } from '@grpc/proto-loader';

export interface HelloInput {
  'protocolVersion'?: (number);
  'recipeHash'?: (string);
  'numericsVersion'?: (number);
  'member'?: (string);
  'view'?: (number | string | Long);
  'fingerprint'?: (string);
  'machine'?: (string);
}

export interface Hello {
  'protocolVersion': (number);
  'recipeHash': (string);
  'numericsVersion': (number);
  'member': (string);
  'view': (number);
  'fingerprint': (string);
  'machine': (string);
}
