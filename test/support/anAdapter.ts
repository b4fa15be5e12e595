import { sitesOf } from '../../worker/adapter/sites.js';
import { type Adapter, type AdapterTensorValue, loraKey, sizeOf } from '../../worker/artifacts/adapter.js';
import type { RunRecord } from '../../worker/artifacts/record.js';
import type { ModelSpec } from '../../worker/model/spec.js';

export interface AdapterSettings {
  readonly rank?: number;
  readonly alpha?: number;
  readonly rsLora?: boolean;
  /** Last parts of module names; default: every linear of the decoder layers. */
  readonly targets?: readonly string[];
  readonly seed?: number;
}

/** A LoRA adapter with seeded values, large enough to be seen in logits; the same on every machine. */
export function anAdapter(spec: ModelSpec, settings: AdapterSettings = {}): Adapter {
  const { rank = 4, alpha = 8, rsLora = false, targets, seed = 7 } = settings;
  const sites = sitesOf(spec).filter(({ path, layer }) =>
    targets ? targets.includes(path.slice(path.lastIndexOf('.') + 1)) : layer !== null,
  );
  const next = uniform(seed);
  const filled = (shape: readonly number[], size: number): AdapterTensorValue => ({
    shape,
    data: Float32Array.from({ length: sizeOf(shape) }, () => next() * size),
  });
  const tensors = new Map<string, AdapterTensorValue>();
  for (const site of sites) {
    tensors.set(loraKey(site.path, 'A'), filled([rank, site.in], 1 / Math.sqrt(site.in)));
    tensors.set(loraKey(site.path, 'B'), filled([site.out, rank], 0.25));
  }
  const scale = rsLora ? alpha / Math.sqrt(rank) : alpha / rank;
  const modules = sites.map(({ path }) => path).sort();
  return {
    method: { name: 'lora', rank, scale, alpha, rsLora, dropout: 0, modules, init: { type: 'kaiming', seed: 0 } },
    tensors,
  };
}

/** The same adapter before training: B is zero. */
export const untrained = ({ method, tensors }: Adapter): Adapter => ({
  method,
  tensors: new Map(
    [...tensors].map(([key, { shape, data }]) => [
      key,
      { shape, data: key.includes('lora_B') ? new Float32Array(data.length) : Float32Array.from(data) },
    ]),
  ),
});

export type GivenRecord = Omit<RunRecord, 'adapterSha256' | 'omitted' | 'method'>;

export const aRecord = (more: Partial<GivenRecord> = {}): GivenRecord => ({
  espalier: { version: '0.1.0', numericsVersion: 1 },
  job: { name: 'workplace' },
  recipeHash: 'ab12'.repeat(16),
  base: {
    nameOrPath: 'owner/tiny',
    source: 'hf://owner/tiny',
    revision: 'c0ffee',
    sha256: 'cd'.repeat(32),
    storedAs: 'Q4_1',
    license: 'apache-2.0',
    parameters: 134_515_008,
  },
  data: {
    training: {
      sources: [{ source: 'examples/train.jsonl', sha256: 'ef'.repeat(32) }],
      rows: 100,
      usedRows: 96,
      dropped: [{ reason: 'empty', rows: 4 }],
      tokens: 5200,
      supervisedTokens: 1380,
      truncatedRows: 2,
    },
    evaluation: null,
    maxTokens: 512,
    packing: true,
    supervise: 'assistant',
  },
  hyperparameters: [
    { name: 'training.learningRate', value: 0.001, isDefault: false },
    { name: 'training.maxGradNorm', value: 1, isDefault: true },
  ],
  steps: 48,
  trainableParameters: 4_884_480,
  loss: { first: 4.2, last: 0.01 },
  evaluationLoss: { before: 4.1, after: 0.5 },
  generalLoss: { before: 5.33, after: 5.64, text: 'a chapter of Moby Dick' },
  recall: { before: 0, after: 1, questions: 32 },
  cost: {
    seconds: 54,
    trainedTokens: 10_400,
    tokensPerSecond: 192.6,
    peakRssBytes: 3 * 2 ** 30,
    workers: 2,
    energy: null,
  },
  numerics: { class: 'x64-avx512', fingerprint: 'f'.repeat(64), device: 'cpu', precision: 'float32' },
  finishedAt: '2026-11-24T18:00:00.000Z',
  ...more,
});

/** [-1, 1) with 24 bits, from a 32-bit linear congruential generator. */
function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) / 2 ** 23 - 1;
  };
}
