import type { GgufValue } from '../model/gguf/format.js';
import { encodeGguf, type GivenGgufTensor } from '../model/gguf/write.js';
import type { ModelSpec } from '../model/spec.js';
import { type Adapter, type AdapterTensorValue, loraPairs } from './adapter.js';

/** llama.cpp's name of a model family; it runs Mistral as llama. */
const architectures: Record<ModelSpec['family'], string> = {
  llama: 'llama',
  mistral: 'llama',
  qwen2: 'qwen2',
  qwen3: 'qwen3',
};

const blockNames: Readonly<Record<string, string>> = {
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
};

/**
 * The adapter as llama.cpp reads it: it multiplies B A by `adapter.lora.alpha` / rank, with the rank of each tensor, so
 * alpha is written as scale * rank, which covers rsLoRA too.
 */
export function ggufAdapter(adapter: Adapter, spec: ModelSpec, name: string): Uint8Array {
  const { method } = adapter;
  const architecture = architectures[spec.family];
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: architecture }],
    ['general.type', { type: 'string', value: 'adapter' }],
    ['general.name', { type: 'string', value: name }],
    ['adapter.type', { type: 'string', value: 'lora' }],
    ['adapter.lora.alpha', { type: 'float32', value: method.scale * method.rank }],
  ]);
  const tensors = loraPairs(adapter).flatMap(({ path, a, b }): GivenGgufTensor[] => {
    const target = ggufName(path);
    return [
      tensor(`${target}.weight.lora_a`, a),
      tensor(`${target}.weight.lora_b`, architecture === 'llama' ? permuted(b, path, spec) : b),
    ];
  });
  return encodeGguf({ metadata, tensors });
}

export function ggufName(path: string): string {
  const [, layer, module = ''] = /^model\.layers\.(\d+)\.(.+)$/.exec(path) ?? [];
  const block = blockNames[module];
  if (layer === undefined || block === undefined) throw new Error(`no GGUF name for ${path}`);
  return `blk.${layer}.${block}`;
}

const tensor = (name: string, { shape, data }: AdapterTensorValue): GivenGgufTensor => ({
  name,
  type: 'F32',
  shape,
  data: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
});

/** Rows of q and k lie in pairs (x0, x_half) in GGUF files of the llama architecture; B's rows are theirs. */
function permuted(b: AdapterTensorValue, path: string, spec: ModelSpec): AdapterTensorValue {
  const heads = path.endsWith('q_proj') ? spec.heads : path.endsWith('k_proj') ? spec.kvHeads : 0;
  if (heads === 0) return b;
  const [rows, rank] = b.shape as [number, number];
  const half = rows / heads / 2;
  const data = new Float32Array(b.data.length);
  for (let head = 0; head < heads; head++)
    for (let part = 0; part < 2; part++)
      for (let at = 0; at < half; at++) {
        const from = (head * 2 + part) * half + at;
        const to = head * 2 * half + at * 2 + part;
        data.set(b.data.subarray(from * rank, (from + 1) * rank), to * rank);
      }
  return { shape: b.shape, data };
}
