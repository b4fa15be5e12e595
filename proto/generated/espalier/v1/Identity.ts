// Original file: proto/espalier/v1/identity.proto

import type { MethodDefinition } from '@grpc/proto-loader'
import type { IssueReplyInput as _espalier_v1_IssueReplyInput, IssueReply as _espalier_v1_IssueReply } from '../../espalier/v1/IssueReply.js';
import type { IssueRequestInput as _espalier_v1_IssueRequestInput, IssueRequest as _espalier_v1_IssueRequest } from '../../espalier/v1/IssueRequest.js';

export interface IdentityDefinition {
  Issue: MethodDefinition<_espalier_v1_IssueRequestInput, _espalier_v1_IssueReplyInput, _espalier_v1_IssueRequest, _espalier_v1_IssueReply>
}
