// Original file: proto/espalier/v1/query.proto


export interface WatchJobsRequestInput {
  'namespace'?: (string);
  'name'?: (string);
  'resumeToken'?: (string);
}

export interface WatchJobsRequest {
  'namespace': (string);
  'name': (string);
  'resumeToken': (string);
}
