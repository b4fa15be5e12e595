// Original file: proto/espalier/v1/query.proto


export interface GetJobRequestInput {
  'namespace'?: (string);
  'name'?: (string);
}

export interface GetJobRequest {
  'namespace': (string);
  'name': (string);
}
