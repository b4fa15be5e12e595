// Original file: proto/espalier/v1/exchange.proto

import type { StateHeaderInput as _espalier_v1_StateHeaderInput, StateHeader as _espalier_v1_StateHeader } from '../../espalier/v1/StateHeader.js';
import type { StateDataInput as _espalier_v1_StateDataInput, StateData as _espalier_v1_StateData } from '../../espalier/v1/StateData.js';

export interface StateChunkInput {
  'header'?: (_espalier_v1_StateHeaderInput | null);
  'data'?: (_espalier_v1_StateDataInput | null);
  'body'?: "header"|"data";
}

export interface StateChunk {
  'header'?: (_espalier_v1_StateHeader | null);
  'data'?: (_espalier_v1_StateData | null);
  'body'?: "header"|"data";
}
