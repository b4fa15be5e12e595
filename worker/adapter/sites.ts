import type { ModelSpec } from '../model/spec.js';

/** A linear module of the base that a method could wrap: y = W x, W [out, in]. */
export interface Site {
  /** Module path inside the Hugging Face model, e.g. `model.layers.0.self_attn.q_proj`. */
  readonly path: string;
  readonly in: number;
  readonly out: number;
  /** Decoder layer, or null for the output layer. */
  readonly layer: number | null;
}

/** Every linear module of the base, layer by layer, the output layer last. */
export function sitesOf(spec: ModelSpec): readonly Site[] {
  const { hiddenSize: hidden, intermediateSize: intermediate } = spec;
  const queries = spec.heads * spec.headDim;
  const keys = spec.kvHeads * spec.headDim;
  const layers = Array.from({ length: spec.layers }, (_, layer): readonly Site[] => {
    const site = (name: string, width: number, out: number): Site => ({
      path: `model.layers.${layer}.${name}`,
      in: width,
      out,
      layer,
    });
    return [
      site('self_attn.q_proj', hidden, queries),
      site('self_attn.k_proj', hidden, keys),
      site('self_attn.v_proj', hidden, keys),
      site('self_attn.o_proj', queries, hidden),
      site('mlp.gate_proj', hidden, intermediate),
      site('mlp.up_proj', hidden, intermediate),
      site('mlp.down_proj', intermediate, hidden),
    ];
  });
  return [...layers.flat(), { path: 'lm_head', in: hidden, out: spec.vocabSize, layer: null }];
}
