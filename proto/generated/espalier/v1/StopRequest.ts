// Original file: proto/espalier/v1/worker.proto


export interface StopRequestInput {
  'reason'?: (string);
}

export interface StopRequest {
  'reason': (string);
}
