// Original file: proto/espalier/v1/worker.proto


export interface LeavingEventInput {
  'reason'?: (string);
}

export interface LeavingEvent {
  'reason': (string);
}
