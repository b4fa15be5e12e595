// Original file: proto/espalier/v1/exchange.proto


export interface StateDataInput {
  'data'?: (Buffer | Uint8Array | string);
  'sha256'?: (Buffer | Uint8Array | string);
}

export interface StateData {
  'data': (Buffer);
  'sha256': (Buffer);
}
