// Original file: proto/espalier/v1/query.proto

import type { Long } from '@grpc/proto-loader';

export interface CostInput {
  'workerSeconds'?: (number | string | Long);
  'estimatedWorkerSeconds'?: (number | string | Long);
  'estimatedAtStep'?: (number | string | Long);
  'total'?: (string);
  'estimate'?: (string);
}

export interface Cost {
  'workerSeconds': (number);
  'estimatedWorkerSeconds': (number);
  'estimatedAtStep': (number);
  'total': (string);
  'estimate': (string);
}
