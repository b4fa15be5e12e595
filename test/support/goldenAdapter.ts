import { adapterLayout, tensorIn } from '../../worker/adapter/layout.js';
import { sitesOf } from '../../worker/adapter/sites.js';
import type { MicroBatch } from '../../worker/engine/engine.js';
import type { GeneratorAdapter } from '../../worker/model/generate.js';
import type { ModelSpec } from '../../worker/model/spec.js';
import type { RecipeMethod } from '../../worker/recipe/recipe.js';
import { type GoldenTensor, goldenTensors } from './goldenModel.js';

/** Models with PEFT gradients beside their logits, and whether two documents lie in their row. */
export const goldenGradients: Readonly<Record<string, 'plain' | 'packed'>> = {
  llama: 'plain',
  qwen3: 'plain',
  'mistral-window': 'packed',
  smollm2: 'packed',
};

export interface GoldenTraining {
  readonly adapter: GeneratorAdapter;
  readonly batch: MicroBatch;
  /** Sum of token losses, float64. */
  readonly loss: number;
  /** By PEFT key, float64. */
  readonly gradients: ReadonlyMap<string, GoldenTensor>;
  /** Adapted logits of the row, [tokens, vocab]. */
  readonly logits: Float32Array;
}

/** The LoRA, the batch and the results of test/golden/models.py for one model. */
export async function goldenTraining(model: string, spec: ModelSpec): Promise<GoldenTraining> {
  const golden = await goldenTensors(model, 'gradients.safetensors');
  const method = loraOf(spec, 4, 8);
  const layout = adapterLayout(method, sitesOf(spec));
  const vector = new Float32Array(layout.length);
  for (const tensor of layout.tensors) tensorIn(vector, tensor).set(golden.get(`adapter.${tensor.name}`)!.data);
  const ints = (name: string) => golden.get(name)!.data as Int32Array;
  const labels = ints('labels');
  return {
    adapter: { layout, vector, method },
    batch: {
      shape: { rows: 1, tokens: labels.length },
      ids: ints('ids'),
      positions: ints('positions'),
      documents: ints('documents'),
      labels,
      weights: Float32Array.from(labels, (label) => (label < 0 ? 0 : 1)),
      step: 0,
      sequences: [0],
    },
    loss: golden.get('loss')!.data[0]!,
    gradients: new Map(layout.tensors.map(({ name }) => [name, golden.get(`gradient.${name}`)!])),
    logits: golden.get('logits')!.data as Float32Array,
  };
}

/** A LoRA on all linears of the decoder, without dropout; with the output layer too where asked. */
export const loraOf = (spec: ModelSpec, rank: number, alpha: number, withHead = false): RecipeMethod => ({
  name: 'lora',
  rank,
  scale: alpha / rank,
  alpha,
  rsLora: false,
  dropout: 0,
  modules: sitesOf(spec)
    .filter(({ layer }) => withHead || layer !== null)
    .map(({ path }) => path)
    .sort(),
  init: { type: 'kaiming', seed: 0 },
});
