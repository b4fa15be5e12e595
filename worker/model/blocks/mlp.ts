import type { GraphBuilder } from '../../engine/ir/builder.js';
import type { Value } from '../../engine/ir/graph.js';
import type { ModelSpec } from '../spec.js';
import type { Forward } from './forward.js';
import { norm } from './norm.js';

/** x + down_proj(act(gate_proj(h)) * up_proj(h)), h = norm(x); `x [N, hidden]`. */
export function mlpBlock(f: Forward, layer: number, x: Value): Value {
  const path = `model.layers.${layer}.mlp`;
  const h = norm(f, `model.layers.${layer}.post_attention_layernorm`, x);
  const gate = activations[f.spec.activation](f.b, f.linear(`${path}.gate_proj`, h));
  return f.linear(`${path}.down_proj`, f.b.mul(gate, f.linear(`${path}.up_proj`, h)), x);
}

const activations = {
  silu: (b, x) => b.silu(x),
  gelu: (b, x) => b.gelu(x),
  gelu_tanh: (b, x) => b.gelu(x, 'tanh'),
} satisfies Record<ModelSpec['activation'], (b: GraphBuilder, x: Value) => Value>;
