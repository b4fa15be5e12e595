import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { packageRoot } from '../../common/root.js';
import { encodeSafetensors } from '../../worker/model/safetensors/write.js';
import { seededNumbers } from './tinyModel.js';

const spec = { layers: 3, hiddenSize: 64, heads: 4, kvHeads: 2, headDim: 16, mlpSize: 96 };

const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  bos_token_id: 2500,
  eos_token_id: 2502,
  head_dim: spec.headDim,
  hidden_act: 'silu',
  hidden_size: spec.hiddenSize,
  intermediate_size: spec.mlpSize,
  max_position_embeddings: 512,
  num_attention_heads: spec.heads,
  num_hidden_layers: spec.layers,
  num_key_value_heads: spec.kvHeads,
  rms_norm_eps: 1e-5,
  rope_parameters: { rope_theta: 10_000, rope_type: 'default' },
  tie_word_embeddings: true,
  dtype: 'float32',
};

/**
 * A whole base in a Hugging Face folder: three layers of seeded weights, and the committed tokenizer of the Qwen family
 * (2,503 ids), with a chat template of its own.
 */
export async function writeTinyBase(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const from = join(packageRoot(), 'test/golden/data-tokenizers/qwen2');
  const tokenizer = gunzipSync(await readFile(join(from, 'tokenizer.json.gz')));
  await writeFile(join(folder, 'tokenizer.json'), tokenizer);
  await copyFile(join(from, 'tokenizer_config.json'), join(folder, 'tokenizer_config.json'));
  await writeFile(join(folder, 'chat_template.jinja'), chatTemplate);
  const vocabSize = vocabularyOf(tokenizer.toString('utf8'));
  await writeFile(join(folder, 'config.json'), JSON.stringify({ ...config, vocab_size: vocabSize }));
  await writeFile(
    join(folder, 'model.safetensors'),
    encodeSafetensors({ metadata: { format: 'pt' }, tensors: weights(vocabSize) }),
  );
  return folder;
}

const chatTemplate =
  "{% for message in messages %}{{ message['role'] + ': ' + message['content'] + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

function vocabularyOf(text: string): number {
  const { model, added_tokens } = JSON.parse(text) as {
    model: { vocab: Record<string, number> };
    added_tokens: { id: number }[];
  };
  return 1 + Math.max(...Object.values(model.vocab), ...added_tokens.map(({ id }) => id));
}

function weights(vocabSize: number) {
  const { hiddenSize, heads, kvHeads, headDim, mlpSize, layers } = spec;
  const next = seededNumbers(5);
  const linear = (name: string, rows: number, columns: number) => ({
    name: `${name}.weight`,
    dtype: 'F32' as const,
    shape: [rows, columns],
    data: Float32Array.from({ length: rows * columns }, () => (next() * 2) / Math.sqrt(columns)),
  });
  const norm = (name: string) => ({
    name: `${name}.weight`,
    dtype: 'F32' as const,
    shape: [hiddenSize],
    data: new Float32Array(hiddenSize).fill(1),
  });
  const layer = (path: string) => [
    linear(`${path}.self_attn.q_proj`, heads * headDim, hiddenSize),
    linear(`${path}.self_attn.k_proj`, kvHeads * headDim, hiddenSize),
    linear(`${path}.self_attn.v_proj`, kvHeads * headDim, hiddenSize),
    linear(`${path}.self_attn.o_proj`, hiddenSize, heads * headDim),
    linear(`${path}.mlp.gate_proj`, mlpSize, hiddenSize),
    linear(`${path}.mlp.up_proj`, mlpSize, hiddenSize),
    linear(`${path}.mlp.down_proj`, hiddenSize, mlpSize),
    norm(`${path}.input_layernorm`),
    norm(`${path}.post_attention_layernorm`),
  ];
  const numbers = Array.from({ length: layers }, (_, index) => `model.layers.${index}`);
  return [linear('model.embed_tokens', vocabSize, hiddenSize), ...numbers.flatMap(layer), norm('model.norm')];
}
