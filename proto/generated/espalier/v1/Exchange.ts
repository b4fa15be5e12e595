// Original file: proto/espalier/v1/exchange.proto

import type { MethodDefinition } from '@grpc/proto-loader'
import type { FetchRequestInput as _espalier_v1_FetchRequestInput, FetchRequest as _espalier_v1_FetchRequest } from '../../espalier/v1/FetchRequest.js';
import type { FetchStateRequestInput as _espalier_v1_FetchStateRequestInput, FetchStateRequest as _espalier_v1_FetchStateRequest } from '../../espalier/v1/FetchStateRequest.js';
import type { LinkReplyInput as _espalier_v1_LinkReplyInput, LinkReply as _espalier_v1_LinkReply } from '../../espalier/v1/LinkReply.js';
import type { LinkRequestInput as _espalier_v1_LinkRequestInput, LinkRequest as _espalier_v1_LinkRequest } from '../../espalier/v1/LinkRequest.js';
import type { OfferReplyInput as _espalier_v1_OfferReplyInput, OfferReply as _espalier_v1_OfferReply } from '../../espalier/v1/OfferReply.js';
import type { PieceChunkInput as _espalier_v1_PieceChunkInput, PieceChunk as _espalier_v1_PieceChunk } from '../../espalier/v1/PieceChunk.js';
import type { StateChunkInput as _espalier_v1_StateChunkInput, StateChunk as _espalier_v1_StateChunk } from '../../espalier/v1/StateChunk.js';

export interface ExchangeDefinition {
  Fetch: MethodDefinition<_espalier_v1_FetchRequestInput, _espalier_v1_PieceChunkInput, _espalier_v1_FetchRequest, _espalier_v1_PieceChunk>
  FetchState: MethodDefinition<_espalier_v1_FetchStateRequestInput, _espalier_v1_StateChunkInput, _espalier_v1_FetchStateRequest, _espalier_v1_StateChunk>
  Link: MethodDefinition<_espalier_v1_LinkRequestInput, _espalier_v1_LinkReplyInput, _espalier_v1_LinkRequest, _espalier_v1_LinkReply>
  Offer: MethodDefinition<_espalier_v1_PieceChunkInput, _espalier_v1_OfferReplyInput, _espalier_v1_PieceChunk, _espalier_v1_OfferReply>
}
