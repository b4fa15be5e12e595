// Original file: proto/espalier/v1/query.proto

import type { Long } from '@grpc/proto-loader';

export interface JobWorkerInput {
  'id'?: (string);
  'node'?: (string);
  'joined'?: (boolean);
  'heardMs'?: (number | string | Long);
  'step'?: (number | string | Long);
  'leavesComputed'?: (number);
  'computeMs'?: (number | string);
  'waitMs'?: (number | string);
  'peakRssBytes'?: (number | string | Long);
}

export interface JobWorker {
  'id': (string);
  'node': (string);
  'joined': (boolean);
  'heardMs': (number);
  'step': (number);
  'leavesComputed': (number);
  'computeMs': (number);
  'waitMs': (number);
  'peakRssBytes': (number);
}
