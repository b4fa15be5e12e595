// Original file: proto/espalier/v1/query.proto

import type { MetricPointInput as _espalier_v1_MetricPointInput, MetricPoint as _espalier_v1_MetricPoint } from '../../espalier/v1/MetricPoint.js';
import type { Long } from '@grpc/proto-loader';

export interface ProgressInput {
  'step'?: (number | string | Long);
  'steps'?: (number | string | Long);
  'last'?: (_espalier_v1_MetricPointInput | null);
  'remainingSeconds'?: (number | string | Long);
}

export interface Progress {
  'step': (number);
  'steps': (number);
  'last': (_espalier_v1_MetricPoint | null);
  'remainingSeconds': (number);
}
