import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { goldenGradients, goldenTraining, loraOf } from '../../../test/support/goldenAdapter.js';
import { goldenBase } from '../../../test/support/goldenModel.js';
import { relativeError, runGraph } from '../../../test/support/runGraph.js';
import { adapterLayout, tensorIn } from '../../adapter/layout.js';
import { sitesOf } from '../../adapter/sites.js';
import type { MicroBatch } from '../../engine/engine.js';
import { gradientOutput, trainingGraph } from '../../engine/program.js';
import type { Feed } from '../../engine/session.js';
import type { Base } from '../base.js';
import type { GeneratorAdapter } from '../generate.js';
import { createMicroBatchFeeds, float32 } from './inputs.js';
import { buildLossGraph, buildTrainingGraph } from './training.js';

/** float32 against PEFT in float64; float32 in PyTorch itself is 1e-6 away. */
const tolerance = 1e-5;

const adapterFeeds = ({ layout, vector }: GeneratorAdapter): Record<string, Feed> =>
  Object.fromEntries(layout.tensors.map((tensor) => [tensor.name, float32(tensorIn(vector, tensor), tensor.shape)]));

interface Choices {
  readonly attentionBlock: number;
  readonly headChunk: number;
}
const usual: Choices = { attentionBlock: 16, headChunk: 8 };

interface Leaf {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

async function leafOf(base: Base, adapter: GeneratorAdapter, batch: MicroBatch, choices = usual): Promise<Leaf> {
  const { spec, tensors } = base;
  const { method } = adapter;
  const { graph, loss, wanted } = buildTrainingGraph({ spec, tensors, method, shape: batch.shape, ...choices });
  const results = await runGraph(trainingGraph(graph, loss, wanted), base, {
    ...createMicroBatchFeeds(spec, batch.shape, choices.headChunk, { method, seed: 7 })(batch),
    ...adapterFeeds(adapter),
  });
  const gradients = new Map([...wanted.keys()].map((name) => [name, results[gradientOutput(name)]!]));
  return { loss: results.loss![0]!, gradients };
}

function assertSameLeaf(actual: Leaf, expected: Leaf, within: number): void {
  assert.ok(Math.abs(actual.loss / expected.loss - 1) <= within, `losses ${actual.loss} and ${expected.loss}`);
  for (const [name, gradient] of expected.gradients) {
    const error = relativeError(actual.gradients.get(name)!, gradient);
    assert.ok(error <= within, `${name} is off by ${error}`);
  }
}

describe('gradients of a LoRA equal those of PEFT', () => {
  for (const [model, kind] of Object.entries(goldenGradients))
    for (const choices of [usual, { attentionBlock: 64, headChunk: 64 }])
      test(`${model}, ${kind}, ${JSON.stringify(choices)}`, async () => {
        await using base = await goldenBase(model);
        const golden = await goldenTraining(model, base.spec);
        const { loss, gradients } = await leafOf(base, golden.adapter, golden.batch, choices);
        assert.ok(Math.abs(loss / golden.loss - 1) <= 1e-6, `loss ${loss}, expected ${golden.loss}`);
        for (const [name, { data }] of golden.gradients) {
          const error = relativeError(gradients.get(name)!, data);
          assert.ok(error <= tolerance, `${name} is off by ${error}`);
        }
      });
});

/** One row per document. */
function unpacked(batch: MicroBatch): MicroBatch[] {
  const length = batch.documents.filter((document) => document === 1).length;
  return [
    [0, length],
    [length, batch.ids.length],
  ].map(([start, end]) => ({
    ...batch,
    shape: { rows: 1, tokens: end! - start! },
    ids: batch.ids.slice(start, end),
    positions: batch.positions.slice(start, end),
    documents: batch.documents.slice(start, end),
    labels: batch.labels.slice(start, end),
    weights: batch.weights.slice(start, end),
  }));
}

/** The row in the middle of three rows, filled up to `tokens` with a document that weighs nothing, as recipes do it. */
function padded(batch: MicroBatch, tokens: number): MicroBatch {
  const length = batch.ids.length;
  const between = (values: Int32Array, filler: (place: number) => number, other: (place: number) => number) =>
    Int32Array.from({ length: 3 * tokens }, (_, i) => {
      const place = i % tokens;
      if (i < tokens || i >= 2 * tokens) return other(place);
      return place < length ? values[place]! : filler(place - length);
    });
  const weights = new Float32Array(3 * tokens);
  weights.set(batch.weights, tokens);
  return {
    ...batch,
    shape: { rows: 3, tokens },
    ids: between(
      batch.ids,
      () => 0,
      () => 5,
    ),
    positions: between(
      batch.positions,
      (place) => place,
      (place) => place,
    ),
    documents: between(
      batch.documents,
      () => 9,
      () => 1,
    ),
    labels: between(
      batch.labels,
      () => -1,
      () => -1,
    ),
    weights,
    sequences: [-1, 0, -1],
  };
}

/** The first tokens of a batch of one row. */
const shortened = (batch: MicroBatch, tokens: number): MicroBatch => ({
  ...batch,
  shape: { rows: 1, tokens },
  ids: batch.ids.slice(0, tokens),
  positions: batch.positions.slice(0, tokens),
  documents: batch.documents.slice(0, tokens),
  labels: batch.labels.slice(0, tokens),
  weights: batch.weights.slice(0, tokens),
});

describe('a micro-batch', () => {
  test('packed gives the sum of what its documents give alone', async () => {
    for (const model of ['mistral-window', 'smollm2']) {
      await using base = await goldenBase(model);
      const { adapter, batch } = await goldenTraining(model, base.spec);
      const packed = await leafOf(base, adapter, batch);
      const alone = [];
      for (const part of unpacked(batch)) alone.push(await leafOf(base, adapter, part));
      const [first, second] = alone as [Leaf, Leaf];
      const gradients = new Map(
        [...first.gradients].map(([name, values]) => [
          name,
          values.map((value, i) => value + second.gradients.get(name)![i]!),
        ]),
      );
      assertSameLeaf(packed, { loss: first.loss + second.loss, gradients }, tolerance);
    }
  });

  test('padded, between rows without supervision, gives the same', async () => {
    for (const model of ['qwen3', 'mistral-window']) {
      await using base = await goldenBase(model);
      const { adapter, batch } = await goldenTraining(model, base.spec);
      assertSameLeaf(await leafOf(base, adapter, padded(batch, 53)), await leafOf(base, adapter, batch), tolerance);
    }
  });

  test('padded beyond the original positions keeps the frequencies of its own length', async () => {
    for (const model of ['llama-rope-dynamic', 'llama-rope-longrope']) {
      await using base = await goldenBase(model);
      const { adapter, batch } = await goldenTraining('llama', base.spec);
      for (const tokens of [14, 30]) {
        const short = shortened(batch, tokens);
        assertSameLeaf(await leafOf(base, adapter, padded(short, 53)), await leafOf(base, adapter, short), tolerance);
      }
    }
  });

  test('without any supervised token gives zeros', async () => {
    await using base = await goldenBase('llama');
    const { adapter, batch } = await goldenTraining('llama', base.spec);
    const { loss, gradients } = await leafOf(base, adapter, {
      ...batch,
      labels: new Int32Array(batch.labels.length).fill(-1),
      weights: new Float32Array(batch.labels.length),
    });
    assert.equal(loss, 0);
    for (const gradient of gradients.values()) assert.ok(gradient.every((value) => value === 0));
  });

  test('weighs each token as it is told', async () => {
    await using base = await goldenBase('llama');
    const { adapter, batch } = await goldenTraining('llama', base.spec);
    const whole = await leafOf(base, adapter, batch);
    const halved = await leafOf(base, adapter, { ...batch, weights: batch.weights.map((weight) => weight / 2) });
    const gradients = new Map([...whole.gradients].map(([name, values]) => [name, values.map((value) => value / 2)]));
    assertSameLeaf(halved, { loss: whole.loss / 2, gradients }, tolerance);
  });
});

describe('the loss graph', () => {
  test('gives the training graph’s loss, and never drops', async () => {
    await using base = await goldenBase('smollm2');
    const { adapter, batch, loss: expected } = await goldenTraining('smollm2', base.spec);
    const method = { ...adapter.method, dropout: 0.5 };
    const { graph } = buildLossGraph({ ...base, method, shape: batch.shape, ...usual });
    const feeds = createMicroBatchFeeds(base.spec, batch.shape, usual.headChunk);
    const { loss } = await runGraph(graph, base, { ...feeds(batch), ...adapterFeeds(adapter) });
    assert.ok(Math.abs(loss![0]! / expected - 1) <= 1e-6);
  });
});

describe('dropout', () => {
  test('changes the loss with the step, and the same step gives the same bits', async () => {
    await using base = await goldenBase('llama');
    const { adapter, batch } = await goldenTraining('llama', base.spec);
    const dropping = { ...adapter, method: { ...adapter.method, dropout: 0.3 } };
    const first = await leafOf(base, dropping, batch);
    assert.deepEqual(await leafOf(base, dropping, batch), first);
    assert.notEqual((await leafOf(base, dropping, { ...batch, step: 1 })).loss, first.loss);
    assert.notEqual((await leafOf(base, adapter, batch)).loss, first.loss);
  });
});

describe('an adapted output layer', () => {
  test('has the gradient that differences of the loss show', async () => {
    for (const model of ['llama', 'llama-tied']) {
      await using base = await goldenBase(model);
      const { batch } = await goldenTraining('llama', base.spec);
      const method = loraOf(base.spec, 4, 8, true);
      const layout = adapterLayout(method, sitesOf(base.spec));
      const vector = Float32Array.from({ length: layout.length }, (_, i) => Math.sin(i * 1.7) * 0.05);
      const { gradients } = await leafOf(base, { layout, vector, method }, batch);
      for (const tensor of layout.tensors.filter(({ name }) => name.includes('lm_head'))) {
        const gradient = gradients.get(tensor.name)!;
        const size = Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
        const lossAlong = async (step: number): Promise<number> => {
          const moved = vector.slice();
          tensorIn(moved, tensor).forEach((value, i, all) => {
            all[i] = value + (step * gradient[i]!) / size;
          });
          return (await leafOf(base, { layout, vector: moved, method }, batch)).loss;
        };
        const step = 0.02;
        const slope = ((await lossAlong(step)) - (await lossAlong(-step))) / (2 * step);
        assert.ok(Math.abs(slope / size - 1) <= 5e-3, `${model} ${tensor.name}: slope ${slope}, gradient ${size}`);
      }
    }
  });
});
