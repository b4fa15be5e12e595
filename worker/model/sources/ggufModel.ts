import { fail } from '../../../api/errors.js';
import type { Gguf, GgufTensor } from '../gguf/format.js';
import { readGguf, readGgufTensor } from '../gguf/read.js';
import { architectureOf, configOf, metadataOf } from './ggufConfig.js';
import { tokenizerFiles } from './ggufTokenizer.js';
import { mostOf, type SourceModel, type SourceTensor } from './sourceModel.js';

/** Reads a GGUF file as the Hugging Face model it stands for. */
export async function readGgufModel(path: string): Promise<SourceModel> {
  const gguf = await readGguf(path);
  const ropeTensor = gguf.tensors.get('rope_freqs.weight');
  const config = configOf(gguf, ropeTensor ? await readGgufTensor(path, ropeTensor) : null);
  const { bos_token_id, eos_token_id, pad_token_id } = config;
  const unpermuted = architectureOf(gguf) === 'llama' ? permutedHeads(config) : new Map<string, number>();
  const tensors = new Map<string, SourceTensor>();
  for (const tensor of gguf.tensors.values())
    if (tensor !== ropeTensor) tensors.set(nameOf(gguf, tensor.name), sourceTensor(path, tensor, unpermuted));
  return {
    config,
    generation: { bos_token_id, eos_token_id, pad_token_id },
    files: tokenizerFiles(gguf),
    tensors,
    storedAs: mostOf(gguf.tensors.values()),
    license: metadataOf(gguf).text('general.license') ?? null,
  };
}

const globalNames: Readonly<Record<string, string>> = {
  token_embd: 'model.embed_tokens',
  output_norm: 'model.norm',
  output: 'lm_head',
};

const layerNames: Readonly<Record<string, string>> = {
  attn_norm: 'input_layernorm',
  attn_q: 'self_attn.q_proj',
  attn_k: 'self_attn.k_proj',
  attn_v: 'self_attn.v_proj',
  attn_output: 'self_attn.o_proj',
  attn_q_norm: 'self_attn.q_norm',
  attn_k_norm: 'self_attn.k_norm',
  ffn_norm: 'post_attention_layernorm',
  ffn_gate: 'mlp.gate_proj',
  ffn_up: 'mlp.up_proj',
  ffn_down: 'mlp.down_proj',
};

function nameOf(gguf: Gguf, name: string): string {
  const [, layer, part = '', kind] = /^(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)$/.exec(name) ?? [];
  const module = layer === undefined ? globalNames[part] : layerNames[part];
  if (module === undefined)
    return fail('ModelFeatureUnsupported', { family: architectureOf(gguf), feature: 'tensor', value: name });
  return layer === undefined ? `${module}.${kind}` : `model.layers.${layer}.${module}.${kind}`;
}

/** llama.cpp stores q and k of this architecture with the two rotary halves of each head interleaved. */
const permutedHeads = (config: SourceModel['config']): Map<string, number> =>
  new Map([
    ['attn_q', config.num_attention_heads as number],
    ['attn_k', config.num_key_value_heads as number],
  ]);

function sourceTensor(path: string, tensor: GgufTensor, permuted: ReadonlyMap<string, number>): SourceTensor {
  const heads = permuted.get(tensor.name.split('.').at(-2) ?? '');
  return {
    shape: tensor.shape,
    // Never in place: a GGUF file is no Hugging Face folder.
    inPlace: null,
    read: async () => {
      const values = await readGgufTensor(path, tensor);
      return heads === undefined ? values : unpermute(values, heads, tensor.shape);
    },
  };
}

/** Row (head, 2 j + half) of the file is row (head, half * headDim / 2 + j) of the model. */
function unpermute(values: Float32Array, heads: number, [rows = 1, columns = 1]: readonly number[]): Float32Array {
  const headDim = rows / heads;
  const half = headDim / 2;
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    const inHead = row % headDim;
    const target = row - inHead + (inHead % 2) * half + (inHead >> 1);
    out.set(values.subarray(row * columns, (row + 1) * columns), target * columns);
  }
  return out;
}
