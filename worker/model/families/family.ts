import type { Value } from '../../engine/ir/graph.js';
import { attentionBlock } from '../blocks/attention.js';
import type { Forward } from '../blocks/forward.js';
import { mlpBlock } from '../blocks/mlp.js';

/** How one family of decoders puts the blocks together. What differs inside a block is said by the ModelSpec. */
export interface Family {
  /** One decoder layer: `x [N, hidden]` -> `[N, hidden]`. */
  layer(f: Forward, layer: number, x: Value): Value;
}

/** Norm, attention, residual; norm, gated MLP, residual: Llama and its descendants. */
export const preNormLayer = (f: Forward, layer: number, x: Value): Value =>
  mlpBlock(f, layer, attentionBlock(f, layer, x));
