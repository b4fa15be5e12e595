// Original file: proto/espalier/v1/query.proto


export interface ArtifactInput {
  'url'?: (string);
  'kind'?: (string);
  'sha256'?: (string);
}

export interface Artifact {
  'url': (string);
  'kind': (string);
  'sha256': (string);
}
