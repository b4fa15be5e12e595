import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import { packageRoot } from '../../common/root.js';
import { parseModelSpec } from './config.js';
import type { JsonObject } from './fields.js';
import type { RopeSpec } from './spec.js';

interface Case {
  readonly name: string;
  readonly config: JsonObject;
  readonly seen: JsonObject & { readonly rope: JsonObject };
}

const cases = JSON.parse(readFileSync(join(packageRoot(), 'test/golden/configs/configs.json'), 'utf8')) as Case[];

/** Our scaling in transformers' words, with only the words that transformers itself has. */
function ropeSeen({ theta, scaling }: RopeSpec, seen: JsonObject): JsonObject {
  const words: Record<string, unknown> = {
    rope_type: scaling.type === 'none' ? 'default' : scaling.type,
    rope_theta: theta,
  };
  const names: Readonly<Record<string, string>> = {
    factor: 'factor',
    low_freq_factor: 'lowFreqFactor',
    high_freq_factor: 'highFreqFactor',
    original_max_position_embeddings: 'originalMaxPositions',
    short_factor: 'shortFactor',
    long_factor: 'longFactor',
  };
  for (const [word, ours] of Object.entries(names))
    if (word in seen) words[word] = (scaling as unknown as Record<string, unknown>)[ours];
  return words;
}

const llama = {
  model_type: 'llama',
  vocab_size: 100,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
};

const refused = (config: JsonObject): EspalierError => {
  try {
    parseModelSpec(config);
  } catch (error) {
    assert.ok(error instanceof EspalierError, String(error));
    return error;
  }
  return assert.fail('accepted');
};

describe('parseModelSpec', () => {
  for (const { name, config, seen } of cases)
    it(`reads ${name} as transformers does`, () => {
      const { rope, bias: _bias, qkNorm: _norm, activation: _activation, ...spec } = parseModelSpec(config);
      assert.deepEqual({ ...spec, rope: ropeSeen(rope, seen.rope) }, seen);
    });

  it('knows which linears of a family carry a bias', () => {
    const of = (more: JsonObject) => parseModelSpec({ ...llama, ...more }).bias;
    assert.deepEqual(of({}), { qkv: false, o: false, mlp: false });
    assert.deepEqual(of({ attention_bias: true, mlp_bias: true }), { qkv: true, o: true, mlp: true });
    assert.deepEqual(of({ model_type: 'qwen2', num_key_value_heads: 2 }), { qkv: true, o: false, mlp: false });
    assert.deepEqual(of({ model_type: 'mistral', num_key_value_heads: 2 }), { qkv: false, o: false, mlp: false });
  });

  it('takes end-of-text tokens from the generation config where there is one', () => {
    assert.deepEqual(parseModelSpec(llama, { eos_token_id: [5, 6] }).eosTokenIds, [5, 6]);
    assert.deepEqual(parseModelSpec({ ...llama, eos_token_id: 7 }).eosTokenIds, [7]);
  });

  it('names the architecture it cannot train', () => {
    assert.deepEqual(refused({ ...llama, model_type: 'gemma2' }).facts, {
      architecture: 'gemma2',
      supported: ['llama', 'mistral', 'qwen2', 'qwen3'],
    });
    assert.equal(
      refused({ ...llama, architectures: ['LlamaForSequenceClassification'] }).name,
      'ArchitectureUnsupported',
    );
  });

  const features: readonly [string, JsonObject, string][] = [
    ['partial_rotary_factor', { partial_rotary_factor: 0.5 }, '0.5'],
    ['hidden_act', { hidden_act: 'relu' }, '"relu"'],
    ['rope_type', { rope_scaling: { rope_type: 'mrope' } }, 'mrope'],
    ['rope_parameters', { rope_parameters: { full_attention: { rope_type: 'default' } } }, 'one per layer type'],
    ['quantization_config', { quantization_config: { quant_method: 'gptq' } }, '"gptq"'],
    [
      'layer_types',
      { model_type: 'mistral', num_key_value_heads: 2, layer_types: ['sliding_attention'] },
      '["sliding_attention"]',
    ],
    ['layer_types', { model_type: 'qwen2', num_key_value_heads: 2, layer_types: ['linear', 'linear'] }, '"linear"'],
  ];
  for (const [feature, more, value] of features)
    it(`names ${feature} ${value} as unsupported`, () => {
      const error = refused({ ...llama, ...more });
      assert.equal(error.name, 'ModelFeatureUnsupported');
      assert.deepEqual(error.facts, { family: more.model_type ?? 'llama', feature, value });
    });

  const wrong: readonly [string, JsonObject][] = [
    ['hidden_size', { hidden_size: 0 }],
    ['vocab_size', { vocab_size: '100' }],
    ['num_key_value_heads', { num_key_value_heads: 3 }],
    ['head_dim', { head_dim: 7 }],
    ['rope_scaling.factor', { rope_scaling: { type: 'linear' } }],
    ['rope_scaling.short_factor', { rope_scaling: { rope_type: 'longrope', short_factor: [1], long_factor: [1] } }],
    ['tie_word_embeddings', { tie_word_embeddings: 'yes' }],
    [
      'sliding_window',
      { model_type: 'qwen2', num_key_value_heads: 2, layer_types: ['sliding_attention', 'full_attention'] },
    ],
    ['layer_types', { model_type: 'qwen2', num_key_value_heads: 2, layer_types: ['full_attention'] }],
    ['eos_token_id', { eos_token_id: 'end' }],
    ['rope_scaling', { rope_scaling: 'yarn' }],
  ];
  for (const [field, more] of wrong)
    it(`names the field ${field} when it holds what cannot be`, () => {
      const error = refused({ ...llama, ...more });
      assert.equal(error.name, 'ModelConfigInvalid');
      assert.equal((error.facts as { field: string }).field, field);
    });
});
