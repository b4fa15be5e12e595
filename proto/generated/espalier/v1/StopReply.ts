// Original file: proto/espalier/v1/worker.proto


export interface StopReplyInput {
}

export interface StopReply {
}
