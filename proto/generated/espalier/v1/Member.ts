// Original file: proto/espalier/v1/worker.proto


export interface MemberInput {
  'id'?: (string);
  'address'?: (string);
  'joined'?: (boolean);
}

export interface Member {
  'id': (string);
  'address': (string);
  'joined': (boolean);
}
