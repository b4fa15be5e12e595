// Original file: proto/espalier/v1/worker.proto


export interface ArtifactEventInput {
  'url'?: (string);
  'adapterSha256'?: (string);
}

export interface ArtifactEvent {
  'url': (string);
  'adapterSha256': (string);
}
