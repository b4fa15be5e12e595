// Original file: proto/espalier/v1/query.proto

import type { Long } from '@grpc/proto-loader';

export interface ResolvedInput {
  'baseSha256'?: (string);
  'baseRevision'?: (string);
  'storedAs'?: (string);
  'parameters'?: (number | string | Long);
  'trainableParameters'?: (number | string | Long);
  'stepsPerEpoch'?: (number | string | Long);
  'trainedTokens'?: (number | string | Long);
  'settings'?: (string)[];
}

export interface Resolved {
  'baseSha256': (string);
  'baseRevision': (string);
  'storedAs': (string);
  'parameters': (number);
  'trainableParameters': (number);
  'stepsPerEpoch': (number);
  'trainedTokens': (number);
  'settings': (string)[];
}
