// Original file: proto/espalier/v1/query.proto

import type { Long } from '@grpc/proto-loader';

export interface _espalier_v1_DataReport_DroppedInput {
  'reason'?: (string);
  'rows'?: (number | string | Long);
  'example'?: (string);
}

export interface _espalier_v1_DataReport_Dropped {
  'reason': (string);
  'rows': (number);
  'example': (string);
}

export interface DataReportInput {
  'rows'?: (number | string | Long);
  'used'?: (number | string | Long);
  'sequences'?: (number | string | Long);
  'tokens'?: (number | string | Long);
  'supervisedTokens'?: (number | string | Long);
  'truncatedRows'?: (number | string | Long);
  'truncatedPercent'?: (number | string);
  'evaluationRows'?: (number | string | Long);
  'duplicates'?: (number | string | Long);
  'contaminated'?: (number | string | Long);
  'dropped'?: (_espalier_v1_DataReport_DroppedInput)[];
}

export interface DataReport {
  'rows': (number);
  'used': (number);
  'sequences': (number);
  'tokens': (number);
  'supervisedTokens': (number);
  'truncatedRows': (number);
  'truncatedPercent': (number);
  'evaluationRows': (number);
  'duplicates': (number);
  'contaminated': (number);
  'dropped': (_espalier_v1_DataReport_Dropped)[];
}
