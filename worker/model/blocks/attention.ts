import type { Dim, Value } from '../../engine/ir/graph.js';
import type { Forward } from './forward.js';
import { headNorm, norm } from './norm.js';

/** x + o_proj(attention(norm(x))) of a decoder layer; `x [N, hidden]`. */
export function attentionBlock(f: Forward, layer: number, x: Value): Value {
  const { b, spec } = f;
  const path = `model.layers.${layer}.self_attn`;
  const h = norm(f, `model.layers.${layer}.input_layernorm`, x);
  const project = (name: string, heads: number): Value => b.reshape(f.linear(`${path}.${name}`, h), inHeads(f, heads));
  const positioned = (name: 'q' | 'k', heads: number): Value => {
    const projected = f.linear(`${path}.${name}_proj`, h);
    const normed = spec.qkNorm ? headNorm(f, `${path}.${name}_norm`, projected, heads) : projected;
    return f.rotate(b.reshape(normed, inHeads(f, heads)), heads);
  };
  const seen = f.attend(
    layer,
    positioned('q', spec.heads),
    positioned('k', spec.kvHeads),
    project('v_proj', spec.kvHeads),
  );
  return f.linear(`${path}.o_proj`, seen, x);
}

/** [batch, tokens, heads * headDim] */
const inHeads = ({ batch, tokens, spec }: Forward, heads: number): readonly Dim[] => [
  batch,
  tokens,
  heads * spec.headDim,
];
