import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adapterLayout } from '../../worker/adapter/layout.js';
import { sitesOf } from '../../worker/adapter/sites.js';
import type { MicroBatch, MicroBatchShape } from '../../worker/engine/engine.js';
import type { EngineSetup } from '../../worker/engine/strategy/strategy.js';
import type { TensorLocation } from '../../worker/model/base.js';
import type { ModelSpec } from '../../worker/model/spec.js';

/** Seeded numbers in [-1, 1): xorshift on 32 bits. */
export function seededNumbers(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state / 0x80000000;
  };
}

const tinySpec: ModelSpec = {
  family: 'llama',
  vocabSize: 96,
  hiddenSize: 32,
  intermediateSize: 48,
  layers: 4,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  rmsNormEps: 1e-5,
  tieWordEmbeddings: true,
  activation: 'silu',
  bias: { qkv: false, o: false, mlp: false },
  qkNorm: false,
  rope: { theta: 10000, scaling: { type: 'none' } },
  slidingWindow: [null, null, null, null],
  maxPositions: 128,
  bosTokenId: 1,
  eosTokenIds: [2],
  padTokenId: 0,
};

export interface TinyModel extends AsyncDisposable {
  readonly setup: EngineSetup;
  readonly adapter: Float32Array<ArrayBuffer>;
}

/** A random decoder of four layers on disk, and an adapter whose lora_B is not zero. */
export async function tinyModel(
  overrides: Partial<EngineSetup> & { modules?: readonly string[]; dropout?: number } = {},
): Promise<TinyModel> {
  const directory = await mkdtemp(join(tmpdir(), 'espalier-tiny-'));
  const tensors = await writeWeights(directory, tinySpec);
  const { modules, dropout = 0, ...rest } = overrides;
  const sites = sitesOf(tinySpec);
  const all = sites.filter(({ layer }) => layer !== null).map(({ path }) => path);
  const method: EngineSetup['method'] = {
    name: 'lora',
    rank: 4,
    scale: 2,
    alpha: 8,
    rsLora: false,
    dropout,
    modules: [...(modules ?? all)].sort(),
    init: { type: 'kaiming', seed: 0 },
  };
  const layout = adapterLayout(method, sites);
  const adapter = new Float32Array(layout.length);
  const next = seededNumbers(3);
  for (const { offset, shape } of layout.tensors)
    for (let i = 0; i < shape.reduce((a, b) => a * b, 1); i++) adapter[offset + i] = 0.3 * next();
  const base = { directory, spec: tinySpec, tensors };
  const fixed = { method, layout, seed: 5, attentionBlock: 8, headChunk: 8, strategy: 'whole', device: 'cpu' } as const;
  return {
    setup: { base, ...fixed, ...rest },
    adapter,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

async function writeWeights(directory: string, spec: ModelSpec): Promise<ReadonlyMap<string, TensorLocation>> {
  const shapes = new Map<string, readonly number[]>([
    ['model.embed_tokens.weight', [spec.vocabSize, spec.hiddenSize]],
    ['model.norm.weight', [spec.hiddenSize]],
  ]);
  for (const { path, in: width, out } of sitesOf(spec))
    if (path !== 'lm_head') shapes.set(`${path}.weight`, [out, width]);
  for (let layer = 0; layer < spec.layers; layer++)
    for (const norm of ['input_layernorm', 'post_attention_layernorm'])
      shapes.set(`model.layers.${layer}.${norm}.weight`, [spec.hiddenSize]);
  const next = seededNumbers(1);
  const parts: Float32Array[] = [];
  const tensors = new Map<string, TensorLocation>();
  let offset = 0;
  for (const [name, shape] of shapes) {
    const size = shape.reduce((a, b) => a * b, 1);
    const isNorm = shape.length === 1;
    const padded = new Float32Array(Math.ceil(size / 16) * 16);
    for (let i = 0; i < size; i++) padded[i] = isNorm ? 1 + 0.2 * next() : 0.4 * next();
    tensors.set(name, { file: 'weights.bin', offset, bytes: size * 4, shape });
    parts.push(padded);
    offset += padded.byteLength;
  }
  await writeFile(join(directory, 'weights.bin'), Buffer.concat(parts.map(({ buffer }) => new Uint8Array(buffer))));
  return tensors;
}

/** A micro-batch of random documents: two per row, every third position unsupervised, `padding` rows of padding at the end. */
export function tinyBatch(shape: MicroBatchShape, { seed = 0, padding = 0, step = 0 } = {}): MicroBatch {
  const { rows, tokens } = shape;
  const next = seededNumbers(100 + seed);
  const size = rows * tokens;
  const live = (rows - padding) * tokens;
  const second = Math.floor(tokens * 0.6);
  const inRow = (i: number) => i % tokens;
  const ids = Int32Array.from({ length: size }, (_, i) => (i < live ? Math.floor((next() + 1) * 48) : 0));
  const supervised = (i: number) => i < live && inRow(i) !== second - 1 && inRow(i) !== tokens - 1 && i % 3 !== 0;
  return {
    shape,
    ids,
    positions: Int32Array.from(ids, (_, i) => (inRow(i) < second ? inRow(i) : inRow(i) - second)),
    documents: Int32Array.from(ids, (_, i) => (inRow(i) < second ? 1 : 2)),
    labels: Int32Array.from(ids, (_, i) => (supervised(i) ? ids[i + 1]! : -1)),
    weights: Float32Array.from(ids, (_, i) => (supervised(i) ? 1 : 0)),
    step,
    sequences: Array.from({ length: rows }, (_, row) => (row < rows - padding ? seed + row : -1)),
  };
}
