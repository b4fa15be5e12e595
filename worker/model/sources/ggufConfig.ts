import { fail } from '../../../api/errors.js';
import type { JsonObject } from '../fields.js';
import type { Gguf, GgufScalar } from '../gguf/format.js';

export type GgufArchitecture = 'llama' | 'qwen2' | 'qwen3';

const architectures: Readonly<Record<GgufArchitecture, string>> = {
  llama: 'LlamaForCausalLM',
  qwen2: 'Qwen2ForCausalLM',
  qwen3: 'Qwen3ForCausalLM',
};

/** Typed access to a file's metadata. */
export function metadataOf({ path, metadata }: Gguf) {
  const invalid = (key: string, found: unknown, expected: string): never =>
    fail('GgufInvalid', { file: path, item: key, rule: 'value', stated: String(found), allowed: expected });
  const scalar = (key: string): GgufScalar | undefined => {
    const entry = metadata.get(key);
    return entry === undefined || entry.type === 'array' ? undefined : entry.value;
  };
  return {
    invalid,
    text: (key: string): string | undefined => {
      const value = scalar(key);
      return value === undefined || typeof value === 'string' ? value : invalid(key, value, 'text');
    },
    number: (key: string): number | undefined => {
      const value = scalar(key);
      return value === undefined || typeof value === 'number' ? value : invalid(key, value, 'a number');
    },
    boolean: (key: string): boolean | undefined => {
      const value = scalar(key);
      return value === undefined || typeof value === 'boolean' ? value : invalid(key, value, 'a bool');
    },
    required: (key: string): number => {
      const value = scalar(key);
      if (value === undefined)
        return fail('GgufInvalid', { file: path, item: null, rule: 'missing', stated: key, allowed: 'a number' });
      return typeof value === 'number' ? value : invalid(key, value, 'a number');
    },
  };
}

export function architectureOf(gguf: Gguf): GgufArchitecture {
  const architecture = metadataOf(gguf).text('general.architecture') ?? 'none';
  if (Object.hasOwn(architectures, architecture)) return architecture as GgufArchitecture;
  return fail('ArchitectureUnsupported', { architecture, supported: Object.keys(architectures) });
}

/** The config.json that a GGUF file stands for. `ropeFactors` = its rope_freqs tensor (Llama 3's frequency divisors). */
export function configOf(gguf: Gguf, ropeFactors: Float32Array | null): JsonObject {
  const architecture = architectureOf(gguf);
  const { number, required, text } = metadataOf(gguf);
  const key = (name: string) => `${architecture}.${name}`;
  const hidden = required(key('embedding_length'));
  const heads = required(key('attention.head_count'));
  const headDim = number(key('attention.key_length')) ?? hidden / heads;
  refuseUnsupported(gguf, architecture, headDim);
  const theta = shortest(number(key('rope.freq_base')) ?? 10_000);
  const maxPositions = required(key('context_length'));
  const has = (name: string) => gguf.tensors.has(name);
  return {
    architectures: [architectures[architecture]],
    model_type: architecture,
    vocab_size: gguf.tensors.get('token_embd.weight')?.shape[0] ?? number(key('vocab_size')),
    hidden_size: hidden,
    intermediate_size: required(key('feed_forward_length')),
    num_hidden_layers: required(key('block_count')),
    num_attention_heads: heads,
    num_key_value_heads: number(key('attention.head_count_kv')) ?? heads,
    head_dim: headDim,
    hidden_act: 'silu',
    max_position_embeddings: maxPositions,
    rms_norm_eps: shortest(required(key('attention.layer_norm_rms_epsilon'))),
    rope_theta: theta,
    rope_scaling: ropeFactors
      ? llama3Scaling(gguf, ropeFactors, theta, headDim)
      : ropeScaling(architecture, text(key('rope.scaling.type')), {
          factor: number(key('rope.scaling.factor')),
          original: number(key('rope.scaling.original_context_length')) ?? maxPositions,
        }),
    tie_word_embeddings: !has('output.weight'),
    ...(architecture === 'llama'
      ? { attention_bias: has('blk.0.attn_q.bias'), mlp_bias: has('blk.0.ffn_up.bias') }
      : {}),
    bos_token_id: number('tokenizer.ggml.bos_token_id') ?? null,
    eos_token_id: number('tokenizer.ggml.eos_token_id') ?? null,
    pad_token_id: number('tokenizer.ggml.padding_token_id') ?? null,
    torch_dtype: 'float32',
  };
}

function refuseUnsupported(gguf: Gguf, family: GgufArchitecture, headDim: number): void {
  const { number, text } = metadataOf(gguf);
  const refuse = (feature: string, value: unknown): never =>
    fail('ModelFeatureUnsupported', { family, feature, value: String(value) });
  const rotated = number(`${family}.rope.dimension_count`) ?? headDim;
  if (rotated !== headDim) refuse('rope.dimension_count', `${rotated} of ${headDim}`);
  const valueLength = number(`${family}.attention.value_length`) ?? headDim;
  if (valueLength !== headDim) refuse('attention.value_length', valueLength);
  for (const name of ['attention.sliding_window', 'expert_count', 'attention.max_alibi_bias', 'logit_scale']) {
    const value = number(`${family}.${name}`) ?? 0;
    if (value !== 0) refuse(name, value);
  }
  const type = text('general.type') ?? 'model';
  if (type !== 'model') refuse('general.type', type);
}

function ropeScaling(
  family: string,
  type: string | undefined,
  { factor, original }: { factor: number | undefined; original: number },
): JsonObject | null {
  if (type === undefined || type === 'none') return null;
  if (factor === undefined)
    return fail('ModelConfigInvalid', { field: 'rope.scaling.factor', found: 'nothing', expected: 'a number' });
  if (type === 'linear') return { rope_type: 'linear', factor };
  if (type === 'yarn') return { rope_type: 'yarn', factor, original_max_position_embeddings: original };
  return fail('ModelFeatureUnsupported', { family, feature: 'rope.scaling.type', value: type });
}

/** Llama 3.1 to 3.3 differ in one number; the file keeps only the divisors that follow from it. */
const llama3Factors = [8, 32];

function llama3Scaling(gguf: Gguf, found: Float32Array, theta: number, headDim: number): JsonObject {
  for (const factor of llama3Factors) {
    const wanted = llama3Divisors(theta, headDim, factor);
    const isEqual =
      wanted.length === found.length && wanted.every((value, index) => Math.abs(value - found[index]!) <= 1e-5 * value);
    if (isEqual)
      return {
        rope_type: 'llama3',
        factor,
        low_freq_factor: 1,
        high_freq_factor: 4,
        original_max_position_embeddings: 8192,
      };
  }
  const shown = [...found.subarray(0, 3), found.at(-1)].join(', ');
  return fail('ModelFeatureUnsupported', { family: architectureOf(gguf), feature: 'rope_freqs', value: shown });
}

/** How Llama 3 divides each frequency (low factor 1, high factor 4, 8192 positions); Llama 3.1 report's released code. */
function llama3Divisors(theta: number, headDim: number, factor: number): number[] {
  return Array.from({ length: headDim / 2 }, (_, index) => {
    const wavelength = 2 * Math.PI * theta ** ((2 * index) / headDim);
    if (wavelength < 8192 / 4) return 1;
    if (wavelength > 8192) return factor;
    const smooth = (8192 / wavelength - 1) / 3;
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/** The shortest decimal that rounds to the same float32: 9.999999747378752e-06 was written as 1e-5. */
export function shortest(value: number): number {
  for (let digits = 1; digits < 10; digits++) {
    const candidate = Number(value.toPrecision(digits));
    if (Math.fround(candidate) === Math.fround(value)) return candidate;
  }
  return value;
}
