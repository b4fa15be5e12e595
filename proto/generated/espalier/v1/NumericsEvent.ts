// Original file: proto/espalier/v1/worker.proto


export interface NumericsEventInput {
  'fingerprint'?: (string);
  'machine'?: (string);
}

export interface NumericsEvent {
  'fingerprint': (string);
  'machine': (string);
}
