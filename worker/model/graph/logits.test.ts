import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { goldenBase, goldenModels, goldenTensors } from '../../../test/support/goldenModel.js';
import { largestDifference, runGraph } from '../../../test/support/runGraph.js';
import type { Base } from '../base.js';
import type { ModelSpec } from '../spec.js';
import { createPositionFeeds } from './inputs.js';
import { buildLogitsGraph } from './logits.js';

/** The promise of the project for float32 logits with a standard deviation above 3; transformers' own error is 1e-5. */
const tolerance = 2e-4;
/** A feature that moves logits by less than this would not be seen to be missing. */
const visible = 1e-2;

async function logitsOf(base: Base, ids: Int32Array, attentionBlock = 16): Promise<Float32Array> {
  const { spec, tensors } = base;
  const shape = { rows: 1, tokens: ids.length };
  const graph = buildLogitsGraph({ spec, tensors, method: null, shape, attentionBlock });
  const { logits } = await runGraph(graph, base, {
    ...createPositionFeeds(spec, shape)({ ids, positions: Int32Array.from(ids.keys()) }),
    documents: { dtype: 'int32', data: new Int32Array(ids.length).fill(1), shape: [1, ids.length] },
  });
  return logits!;
}

const golden = async (model: string) => {
  const tensors = await goldenTensors(model, 'golden.safetensors');
  return { ids: tensors.get('ids')!.data as Int32Array, logits: tensors.get('logits')!.data };
};

describe('logits of tiny checkpoints equal those of transformers', () => {
  test('every golden model', async (t) => {
    for (const model of await goldenModels())
      await t.test(model, async () => {
        await using base = await goldenBase(model);
        const { ids, logits } = await golden(model);
        const difference = largestDifference(await logitsOf(base, ids), logits);
        assert.ok(difference <= tolerance, `logits differ by ${difference}`);
      });
  });

  test('whatever the attention block is', async () => {
    for (const model of ['smollm2', 'qwen2-window']) {
      await using base = await goldenBase(model);
      const { ids, logits } = await golden(model);
      for (const block of [1, 7, 64, 128])
        assert.ok(largestDifference(await logitsOf(base, ids, block), logits) <= tolerance, `${model}, block ${block}`);
    }
  });

  test('the tests meet sequences longer than the window and than the original positions', async () => {
    for (const model of await goldenModels()) {
      await using base = await goldenBase(model);
      const { ids } = await golden(model);
      const { rope, slidingWindow } = base.spec;
      for (const window of slidingWindow) assert.ok(window === null || window * 2 < ids.length, model);
      if ('originalMaxPositions' in rope.scaling) assert.ok(rope.scaling.originalMaxPositions * 2 < ids.length, model);
    }
  });
});

const without: readonly (readonly [string, string, (spec: ModelSpec) => ModelSpec])[] = [
  ...['dynamic', 'linear', 'llama3', 'longrope', 'yarn', 'yarn-mscale'].map(
    (type) =>
      [
        `llama-rope-${type}`,
        'its RoPE scaling',
        (spec: ModelSpec) => ({ ...spec, rope: { ...spec.rope, scaling: { type: 'none' } } }) as const,
      ] as const,
  ),
  ['mistral-window', 'its window', (spec) => ({ ...spec, slidingWindow: spec.slidingWindow.map(() => null) })],
  ['qwen2-window', 'its window', (spec) => ({ ...spec, slidingWindow: spec.slidingWindow.map(() => null) })],
  ['qwen3', 'its norms on q and k', (spec) => ({ ...spec, qkNorm: false })],
  ['qwen2', 'its biases', (spec) => ({ ...spec, bias: { ...spec.bias, qkv: false } })],
  ['llama-bias', 'its biases on q, k and v', (spec) => ({ ...spec, bias: { ...spec.bias, qkv: false } })],
  ['llama-bias', 'its bias on o', (spec) => ({ ...spec, bias: { ...spec.bias, o: false } })],
  ['llama-bias', 'its biases in the MLP', (spec) => ({ ...spec, bias: { ...spec.bias, mlp: false } })],
  ['llama-rope-yarn', 'its attention factor', (spec) => changedScaling(spec, 'yarn', { attentionFactor: 1 })],
  ['llama-rope-longrope', 'its attention factor', (spec) => changedScaling(spec, 'longrope', { attentionFactor: 1 })],
];

function changedScaling(spec: ModelSpec, type: string, change: object): ModelSpec {
  assert.equal(spec.rope.scaling.type, type);
  return {
    ...spec,
    rope: { ...spec.rope, scaling: { ...spec.rope.scaling, ...change } as ModelSpec['rope']['scaling'] },
  };
}

describe('a feature that is switched off is missed', () => {
  for (const [model, feature, change] of without)
    test(`${model} without ${feature}`, async () => {
      await using base = await goldenBase(model);
      const { ids, logits } = await golden(model);
      const changed = await logitsOf({ ...base, spec: change(base.spec) }, ids);
      const difference = largestDifference(changed, logits);
      assert.ok(difference >= visible, `logits move by ${difference} only`);
    });
});
