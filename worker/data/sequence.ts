/**
 * One packed training sequence, unpadded. tokens.bin holds these back to back.
 * All arrays have one length, at most the job's `maxTokens`.
 */
export interface Sequence {
  readonly ids: Int32Array;
  /** Position inside the document, from 0. */
  readonly positions: Int32Array;
  /** Document number inside the sequence, from 1. */
  readonly documents: Int32Array;
  /** Next token where supervised, else -1. */
  readonly labels: Int32Array;
}
