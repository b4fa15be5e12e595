// Original file: proto/espalier/v1/exchange.proto

import type { PieceHeaderInput as _espalier_v1_PieceHeaderInput, PieceHeader as _espalier_v1_PieceHeader } from '../../espalier/v1/PieceHeader.js';

export interface PieceChunkInput {
  'header'?: (_espalier_v1_PieceHeaderInput | null);
  'data'?: (Buffer | Uint8Array | string);
  'body'?: "header"|"data";
}

export interface PieceChunk {
  'header'?: (_espalier_v1_PieceHeader | null);
  'data'?: (Buffer);
  'body'?: "header"|"data";
}
