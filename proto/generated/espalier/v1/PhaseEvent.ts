// Original file: proto/espalier/v1/worker.proto


export interface PhaseEventInput {
  'phase'?: (string);
  'detail'?: (string);
}

export interface PhaseEvent {
  'phase': (string);
  'detail': (string);
}
