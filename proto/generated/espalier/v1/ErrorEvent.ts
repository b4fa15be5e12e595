// Original file: proto/espalier/v1/worker.proto


export interface ErrorEventInput {
  'name'?: (string);
  'code'?: (string);
  'message'?: (string);
  'remedy'?: (string);
  'facts'?: (string);
}

export interface ErrorEvent {
  'name': (string);
  'code': (string);
  'message': (string);
  'remedy': (string);
  'facts': (string);
}
