import { fail } from '../../api/errors.js';
import { Fields, type JsonObject } from './fields.js';
import { parseRope } from './rope.js';
import type { ModelSpec } from './spec.js';

/** What a family's config class in transformers assumes or adds; everything else is common. */
interface FamilyConfig {
  readonly architecture: string;
  readonly kvHeads: (heads: number) => number;
  readonly headDim: (hiddenSize: number, heads: number) => number;
  readonly maxPositions: number;
  readonly bosTokenId: number | null;
  readonly eosTokenIds: readonly number[];
  readonly bias: (config: Fields) => ModelSpec['bias'];
  readonly qkNorm: boolean;
  readonly slidingWindow: (config: Fields, layers: number) => ModelSpec['slidingWindow'];
}

const everywhere = (layers: number, window: number | null): (number | null)[] => Array(layers).fill(window);

const llama: FamilyConfig = {
  architecture: 'LlamaForCausalLM',
  kvHeads: (heads) => heads,
  headDim: (hiddenSize, heads) => Math.floor(hiddenSize / heads),
  maxPositions: 2048,
  bosTokenId: 1,
  eosTokenIds: [2],
  bias: (config) => {
    const attention = config.boolean('attention_bias', false);
    return { qkv: attention, o: attention, mlp: config.boolean('mlp_bias', false) };
  },
  qkNorm: false,
  slidingWindow: (_config, layers) => everywhere(layers, null),
};

const mistral: FamilyConfig = {
  ...llama,
  architecture: 'MistralForCausalLM',
  kvHeads: () => 8,
  maxPositions: 131_072,
  bias: () => ({ qkv: false, o: false, mlp: false }),
  slidingWindow: (config, layers) => {
    // transformers ignores layer_types here; a mixture would be another model.
    if (config.values.layer_types !== undefined) unsupported('mistral', 'layer_types', config.values.layer_types);
    const isAbsent = config.values.sliding_window === undefined;
    return everywhere(layers, isAbsent ? 4096 : config.optionalNumber('sliding_window'));
  },
};

const qwen2: FamilyConfig = {
  ...llama,
  architecture: 'Qwen2ForCausalLM',
  kvHeads: () => 32,
  maxPositions: 32_768,
  bosTokenId: null,
  eosTokenIds: [],
  bias: () => ({ qkv: true, o: false, mlp: false }),
  slidingWindow: qwenWindow,
};

const qwen3: FamilyConfig = {
  ...qwen2,
  architecture: 'Qwen3ForCausalLM',
  headDim: () => 128,
  bias: (config) => {
    const attention = config.boolean('attention_bias', false);
    return { qkv: attention, o: attention, mlp: false };
  },
  qkNorm: true,
};

const families = { llama, mistral, qwen2, qwen3 } satisfies Record<ModelSpec['family'], FamilyConfig>;

/** Upper layers (from `max_window_layers`) slide when `use_sliding_window` says so; explicit `layer_types` win. */
function qwenWindow(config: Fields, layers: number): (number | null)[] {
  const isUsed = config.boolean('use_sliding_window', false);
  const stated = config.values.sliding_window === undefined ? 4096 : config.optionalNumber('sliding_window');
  const window = isUsed ? stated : null;
  const types = config.texts('layer_types');
  if (types === null) {
    const from = config.values.max_window_layers === 0 ? 0 : config.count('max_window_layers', 28);
    return Array.from({ length: layers }, (_, layer) => (layer >= from ? window : null));
  }
  if (types.length !== layers) invalid('layer_types', types.length, `${layers} entries`);
  return types.map((type) => {
    if (type === 'full_attention') return null;
    if (type !== 'sliding_attention') return unsupported(config.text('model_type'), 'layer_types', type);
    return window ?? invalid('sliding_window', null, 'a window: layer_types names sliding_attention');
  });
}

/**
 * config.json (as transformers 4 or 5 writes it) -> ModelSpec, with the defaults of transformers' own config classes.
 * What Espalier cannot compute exactly is refused by name rather than ignored.
 * @param generation generation_config.json, whose end-of-text tokens count when there are any.
 */
export function parseModelSpec(json: JsonObject, generation: JsonObject = {}): ModelSpec {
  const config = new Fields(json);
  const family = familyOf(config);
  const traits = families[family];
  refuseUnsupported(config, family, traits);
  const hiddenSize = config.count('hidden_size');
  const heads = config.count('num_attention_heads');
  const layers = config.count('num_hidden_layers');
  const kvHeads =
    config.values.num_key_value_heads === null ? heads : config.count('num_key_value_heads', traits.kvHeads(heads));
  const headDim = config.count('head_dim', traits.headDim(hiddenSize, heads));
  if (heads % kvHeads !== 0) invalid('num_key_value_heads', kvHeads, `a divisor of num_attention_heads (${heads})`);
  if (headDim % 2 !== 0) invalid('head_dim', headDim, 'an even number');
  const maxPositions = config.count('max_position_embeddings', traits.maxPositions);
  return {
    family,
    vocabSize: config.count('vocab_size'),
    hiddenSize,
    intermediateSize: config.count('intermediate_size'),
    layers,
    heads,
    kvHeads,
    headDim,
    rmsNormEps: config.number('rms_norm_eps', 1e-6),
    tieWordEmbeddings: config.boolean('tie_word_embeddings', false),
    activation: activationOf(config, family),
    bias: traits.bias(config),
    qkNorm: traits.qkNorm,
    rope: parseRope(config, { family, headDim, maxPositions }),
    slidingWindow: traits.slidingWindow(config, layers),
    maxPositions,
    bosTokenId: config.tokenIds('bos_token_id', traits.bosTokenId === null ? [] : [traits.bosTokenId])[0] ?? null,
    eosTokenIds: new Fields(generation).tokenIds('eos_token_id', config.tokenIds('eos_token_id', traits.eosTokenIds)),
    padTokenId: config.tokenIds('pad_token_id')[0] ?? null,
  };
}

function familyOf(config: Fields): ModelSpec['family'] {
  const type = config.text('model_type');
  if (Object.hasOwn(families, type)) return type as ModelSpec['family'];
  return fail('ArchitectureUnsupported', { architecture: type, supported: Object.keys(families) });
}

function refuseUnsupported(config: Fields, family: string, traits: FamilyConfig): void {
  const other = config.texts('architectures')?.find((name) => name !== traits.architecture);
  if (other !== undefined)
    fail('ArchitectureUnsupported', {
      architecture: other,
      supported: Object.values(families).map((item) => item.architecture),
    });
  if (config.values.quantization_config != null) {
    const method = config.object('quantization_config')?.values.quant_method;
    unsupported(family, 'quantization_config', method);
  }
}

const activations: Readonly<Record<string, ModelSpec['activation']>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
};

function activationOf(config: Fields, family: string): ModelSpec['activation'] {
  const name = config.text('hidden_act', 'silu');
  return activations[name] ?? unsupported(family, 'hidden_act', name);
}

const unsupported = (family: string, feature: string, value: unknown): never =>
  fail('ModelFeatureUnsupported', { family, feature, value: (JSON.stringify(value) ?? 'unknown').slice(0, 80) });

const invalid = (field: string, found: unknown, expected: string): never =>
  fail('ModelConfigInvalid', { field, found: String(found), expected });
