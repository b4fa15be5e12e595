// Original file: proto/espalier/v1/worker.proto

import type { Long } from '@grpc/proto-loader';

export interface StepEventInput {
  'step'?: (number | string | Long);
  'steps'?: (number | string | Long);
  'loss'?: (number | string);
  'learningRate'?: (number | string);
  'gradientNorm'?: (number | string);
  'tokensPerSecond'?: (number | string);
  'leavesComputed'?: (number);
  'stepMs'?: (number | string);
  'computeMs'?: (number | string);
  'waitMs'?: (number | string);
  'bytesSent'?: (number | string | Long);
  'bytesReceived'?: (number | string | Long);
  'members'?: (number);
  'peakRssBytes'?: (number | string | Long);
  'hiddenBytes'?: (number | string | Long);
}

export interface StepEvent {
  'step': (number);
  'steps': (number);
  'loss': (number);
  'learningRate': (number);
  'gradientNorm': (number);
  'tokensPerSecond': (number);
  'leavesComputed': (number);
  'stepMs': (number);
  'computeMs': (number);
  'waitMs': (number);
  'bytesSent': (number);
  'bytesReceived': (number);
  'members': (number);
  'peakRssBytes': (number);
  'hiddenBytes': (number);
}
