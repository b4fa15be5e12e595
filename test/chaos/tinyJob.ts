import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { packageRoot } from '../../common/root.js';
import { sitesOf } from '../../worker/adapter/sites.js';
import { parseModelSpec } from '../../worker/model/config.js';
import { encodeSafetensors, type GivenTensor } from '../../worker/model/safetensors/write.js';
import { type Prepared, prepareJob } from '../../worker/preflight/prepare.js';
import { writePrepared } from '../../worker/recipe/prepared.js';
import { aJob } from '../support/aJob.js';
import { quietPreparation } from '../support/preparing.js';
import { seededNumbers } from '../support/tinyModel.js';

/** A job small enough to be trained many times, on the real engine from real files. */
export interface TinyJob {
  readonly prepared: Prepared;
  /** recipe.json, tokens.bin, job.json. */
  readonly preparedFolder: string;
  readonly cacheFolder: string;
  readonly steps: number;
}

export interface TinyJobOptions {
  readonly steps: number;
  /** Micro-batches of a step. */
  readonly leaves: number;
  readonly tokens?: number;
  readonly layers?: number;
  readonly hidden?: number;
}

/** Writes base and data below `folder` and prepares the job as `espalier run` does. */
export async function tinyJob(folder: string, options: TinyJobOptions): Promise<TinyJob> {
  const { steps, leaves, tokens = 32, layers = 2, hidden = 128 } = options;
  await writeBase(join(folder, 'base'), { layers, hidden });
  await writeRows(join(folder, 'train.jsonl'), tokens);
  const job = aJob({
    base: { source: './base' },
    data: { train: [{ source: './train.jsonl' }], format: 'text', maxTokens: tokens },
    method: { lora: { rank: 96, alpha: 96 } },
    training: { maxSteps: steps, batch: { sequences: leaves, microBatch: 1 }, learningRate: 0.001 },
  });
  const cacheFolder = join(folder, 'cache');
  const prepared = await prepareJob(job, quietPreparation(folder, cacheFolder));
  const preparedFolder = join(folder, 'prepared');
  await writePrepared(preparedFolder, prepared.compiled, prepared.record);
  return { prepared, preparedFolder, cacheFolder, steps };
}

/** A random decoder of the llama family with a small real tokenizer. */
async function writeBase(folder: string, { layers, hidden }: { layers: number; hidden: number }): Promise<void> {
  await mkdir(folder, { recursive: true });
  const golden = join(packageRoot(), 'test/golden/data-tokenizers/llama1');
  const tokenizer = await promisify(gunzip)(await readFile(join(golden, 'tokenizer.json.gz')));
  const { model } = JSON.parse(tokenizer.toString()) as { model: { vocab: Record<string, number> } };
  const config = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: Object.keys(model.vocab).length,
    hidden_size: hidden,
    intermediate_size: 2 * hidden,
    num_hidden_layers: layers,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: hidden / 4,
    hidden_act: 'silu',
    max_position_embeddings: 512,
    rms_norm_eps: 1e-5,
    rope_theta: 10000,
    tie_word_embeddings: true,
    attention_bias: false,
    mlp_bias: false,
    bos_token_id: 1,
    eos_token_id: 2,
    dtype: 'float32',
  };
  await writeFile(join(folder, 'config.json'), JSON.stringify(config));
  await writeFile(join(folder, 'tokenizer.json'), tokenizer);
  await writeFile(join(folder, 'tokenizer_config.json'), await readFile(join(golden, 'tokenizer_config.json')));
  await writeFile(join(folder, 'model.safetensors'), encodeSafetensors({ tensors: weightsOf(config) }));
}

function weightsOf(config: { vocab_size: number; hidden_size: number; num_hidden_layers: number }): GivenTensor[] {
  const { vocab_size, hidden_size, num_hidden_layers } = config;
  const next = seededNumbers(7);
  const tensor = (name: string, shape: readonly number[], make: () => number): GivenTensor => ({
    name,
    dtype: 'F32',
    shape,
    data: Float32Array.from({ length: shape.reduce((size, side) => size * side, 1) }, make),
  });
  const norm = (name: string) => tensor(name, [hidden_size], () => 1 + 0.1 * next());
  const sites = sitesOf(parseModelSpec(config)).filter(({ path }) => path !== 'lm_head');
  return [
    tensor('model.embed_tokens.weight', [vocab_size, hidden_size], () => 0.1 * next()),
    ...sites.map(({ path, in: width, out }) => tensor(`${path}.weight`, [out, width], () => next() / Math.sqrt(width))),
    ...Array.from({ length: num_hidden_layers }, (_, layer) => [
      norm(`model.layers.${layer}.input_layernorm.weight`),
      norm(`model.layers.${layer}.post_attention_layernorm.weight`),
    ]).flat(),
    norm('model.norm.weight'),
  ];
}

/** Rows of words that fill about one sequence each. */
async function writeRows(path: string, tokens: number): Promise<void> {
  const words = ['branch', 'frame', 'wall', 'pear', 'apple', 'wire', 'prune', 'spur', 'graft', 'root', 'bud', 'cane'];
  const next = seededNumbers(11);
  const word = () => words[Math.floor(((next() + 1) / 2) * words.length)]!;
  const row = () => JSON.stringify({ text: Array.from({ length: Math.floor(tokens / 3) }, word).join(' ') });
  await writeFile(path, `${Array.from({ length: 64 }, row).join('\n')}\n`);
}
