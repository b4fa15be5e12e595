// Original file: proto/espalier/v1/identity.proto


export interface IssueRequestInput {
  'certificateRequest'?: (string);
}

export interface IssueRequest {
  'certificateRequest': (string);
}
