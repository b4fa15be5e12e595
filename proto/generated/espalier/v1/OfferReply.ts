// Original file: proto/espalier/v1/exchange.proto


// Original file: proto/espalier/v1/exchange.proto

export const _espalier_v1_OfferReply_Outcome = {
  UNKNOWN: 'UNKNOWN',
  TAKEN: 'TAKEN',
  COVERED: 'COVERED',
  LATE: 'LATE',
  EARLY: 'EARLY',
} as const;

export type _espalier_v1_OfferReply_OutcomeInput =
  | 'UNKNOWN'
  | 0
  | 'TAKEN'
  | 1
  | 'COVERED'
  | 2
  | 'LATE'
  | 3
  | 'EARLY'
  | 4

export type _espalier_v1_OfferReply_Outcome = typeof _espalier_v1_OfferReply_Outcome[keyof typeof _espalier_v1_OfferReply_Outcome]

export interface OfferReplyInput {
  'outcome'?: (_espalier_v1_OfferReply_OutcomeInput);
}

export interface OfferReply {
  'outcome': (_espalier_v1_OfferReply_Outcome);
}
