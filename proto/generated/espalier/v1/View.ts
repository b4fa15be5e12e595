// Original file: proto/espalier/v1/worker.proto

import type { MemberInput as _espalier_v1_MemberInput, Member as _espalier_v1_Member } from '../../espalier/v1/Member.js';
import type { Long } from '@grpc/proto-loader';

export interface ViewInput {
  'number'?: (number | string | Long);
  'members'?: (_espalier_v1_MemberInput)[];
}

export interface View {
  'number': (number);
  'members': (_espalier_v1_Member)[];
}
