// Original file: proto/espalier/v1/worker.proto

import type { ViewInput as _espalier_v1_ViewInput, View as _espalier_v1_View } from '../../espalier/v1/View.js';

export interface SetViewRequestInput {
  'view'?: (_espalier_v1_ViewInput | null);
}

export interface SetViewRequest {
  'view': (_espalier_v1_View | null);
}
