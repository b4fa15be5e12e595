// Original file: proto/espalier/v1/query.proto

import type { Long } from '@grpc/proto-loader';

export interface MetricPointInput {
  'step'?: (number | string | Long);
  'timeMs'?: (number | string | Long);
  'loss'?: (number | string);
  'learningRate'?: (number | string);
  'gradientNorm'?: (number | string);
  'tokensPerSecond'?: (number | string);
  'evaluationLoss'?: (number | string);
  'generalLoss'?: (number | string);
  'stepMs'?: (number | string | Long);
  'members'?: (number);
  '_evaluationLoss'?: "evaluationLoss";
  '_generalLoss'?: "generalLoss";
}

export interface MetricPoint {
  'step': (number);
  'timeMs': (number);
  'loss': (number);
  'learningRate': (number);
  'gradientNorm': (number);
  'tokensPerSecond': (number);
  'evaluationLoss'?: (number);
  'generalLoss'?: (number);
  'stepMs': (number);
  'members': (number);
  '_evaluationLoss'?: "evaluationLoss";
  '_generalLoss'?: "generalLoss";
}
