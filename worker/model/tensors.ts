import { fail } from '../../api/errors.js';
import type { ModelSpec } from './spec.js';

/** Canonical tensor names and shapes of a base, in no particular order. */
export function expectedTensors(spec: ModelSpec): Map<string, readonly number[]> {
  const { hiddenSize: hidden, intermediateSize: inner, headDim, heads, kvHeads, bias } = spec;
  const shapes = new Map<string, readonly number[]>();
  const linear = (name: string, out: number, input: number, hasBias: boolean) => {
    shapes.set(`${name}.weight`, [out, input]);
    if (hasBias) shapes.set(`${name}.bias`, [out]);
  };
  shapes.set('model.embed_tokens.weight', [spec.vocabSize, hidden]);
  for (let index = 0; index < spec.layers; index++) {
    const layer = `model.layers.${index}`;
    shapes.set(`${layer}.input_layernorm.weight`, [hidden]);
    linear(`${layer}.self_attn.q_proj`, heads * headDim, hidden, bias.qkv);
    linear(`${layer}.self_attn.k_proj`, kvHeads * headDim, hidden, bias.qkv);
    linear(`${layer}.self_attn.v_proj`, kvHeads * headDim, hidden, bias.qkv);
    linear(`${layer}.self_attn.o_proj`, hidden, heads * headDim, bias.o);
    if (spec.qkNorm) {
      shapes.set(`${layer}.self_attn.q_norm.weight`, [headDim]);
      shapes.set(`${layer}.self_attn.k_norm.weight`, [headDim]);
    }
    shapes.set(`${layer}.post_attention_layernorm.weight`, [hidden]);
    linear(`${layer}.mlp.gate_proj`, inner, hidden, bias.mlp);
    linear(`${layer}.mlp.up_proj`, inner, hidden, bias.mlp);
    linear(`${layer}.mlp.down_proj`, hidden, inner, bias.mlp);
  }
  shapes.set('model.norm.weight', [hidden]);
  if (!spec.tieWordEmbeddings) shapes.set('lm_head.weight', [spec.vocabSize, hidden]);
  return shapes;
}

/** Every expected tensor must be there with its shape, and nothing else that would change the result. */
export function checkTensors(
  expected: ReadonlyMap<string, readonly number[]>,
  found: ReadonlyMap<string, { readonly shape: readonly number[] }>,
): void {
  for (const [name, shape] of expected) {
    const tensor = found.get(name);
    if (tensor === undefined) fail('TensorMismatch', { tensor: name, found: 'missing', expected: show(shape) });
    if (show(tensor.shape) !== show(shape))
      fail('TensorMismatch', { tensor: name, found: show(tensor.shape), expected: show(shape) });
  }
  for (const [name, { shape }] of found)
    if (!expected.has(name) && !isRedundant(name))
      fail('TensorMismatch', { tensor: name, found: show(shape), expected: 'no such tensor' });
}

/** Old checkpoints store what is computed anyway: RoPE frequencies, and a head tied to the embedding. */
const isRedundant = (name: string): boolean => name.endsWith('.rotary_emb.inv_freq') || name === 'lm_head.weight';

const show = (shape: readonly number[]): string => `[${shape.join(', ')}]`;
