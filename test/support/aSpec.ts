import type { Sequence } from '../../worker/data/sequence.js';
import type { ModelSpec } from '../../worker/model/spec.js';

/** A tiny Llama: two layers, 8 wide, 32 tokens. */
export const aSpec = (over: Partial<ModelSpec> = {}): ModelSpec => ({
  family: 'llama',
  vocabSize: 32,
  hiddenSize: 8,
  intermediateSize: 12,
  layers: 2,
  heads: 2,
  kvHeads: 1,
  headDim: 4,
  rmsNormEps: 1e-5,
  tieWordEmbeddings: false,
  activation: 'silu',
  bias: { qkv: false, o: false, mlp: false },
  qkNorm: false,
  rope: { theta: 10_000, scaling: { type: 'none' } },
  slidingWindow: Array.from({ length: over.layers ?? 2 }, () => null),
  maxPositions: 512,
  bosTokenId: 1,
  eosTokenIds: [2],
  padTokenId: null,
  ...over,
});

/** One document of `length` tokens; the last `supervised` positions but one have a label. Differs with `first`. */
export function aSequence(length: number, { first = 3, supervised = length - 1 } = {}): Sequence {
  const ids = Int32Array.from({ length }, (_, place) => 3 + ((first + place) % 29));
  return {
    ids,
    positions: Int32Array.from({ length }, (_, place) => place),
    documents: new Int32Array(length).fill(1),
    labels: ids.map((_, place) => (place < length - 1 && place >= length - 1 - supervised ? ids[place + 1]! : -1)),
  };
}
