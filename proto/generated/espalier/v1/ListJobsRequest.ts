// Original file: proto/espalier/v1/query.proto


export interface ListJobsRequestInput {
  'namespace'?: (string);
  'states'?: (string)[];
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListJobsRequest {
  'namespace': (string);
  'states': (string)[];
  'pageSize': (number);
  'pageToken': (string);
}
