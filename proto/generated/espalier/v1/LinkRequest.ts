// Original file: proto/espalier/v1/exchange.proto

import type { HelloInput as _espalier_v1_HelloInput, Hello as _espalier_v1_Hello } from '../../espalier/v1/Hello.js';
import type { StatusInput as _espalier_v1_StatusInput, Status as _espalier_v1_Status } from '../../espalier/v1/Status.js';

export interface LinkRequestInput {
  'hello'?: (_espalier_v1_HelloInput | null);
  'status'?: (_espalier_v1_StatusInput | null);
  'body'?: "hello"|"status";
}

export interface LinkRequest {
  'hello'?: (_espalier_v1_Hello | null);
  'status'?: (_espalier_v1_Status | null);
  'body'?: "hello"|"status";
}
