import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { packageRoot } from '../../common/root.js';
import { aJob } from '../../test/support/aJob.js';
import { aSpec } from '../../test/support/aSpec.js';
import { GraphBuilder } from '../engine/ir/builder.js';
import { ops } from '../engine/ops/index.js';
import { dropoutInputs, dropoutMaskFor } from './dropout.js';
import { resolveMethod } from './index.js';
import { initialAdapter } from './init.js';
import { adapterLayout, parametersOf, tensorIn, trainableParameters } from './layout.js';
import { lora } from './lora.js';
import { sitesOf } from './sites.js';

const sites = sitesOf(aSpec());
const resolve = (settings: object = {}, seed = 0) =>
  resolveMethod(aJob({ method: { lora: { rank: 4, alpha: 8, ...settings } } }).spec.method, sites, seed);

test('the scale is alpha / rank, and alpha / sqrt(rank) with rsLoRA', () => {
  assert.equal(resolve().scale, 2);
  assert.equal(resolve({ rsLora: true }).scale, 4);
});

test('the vector holds every tensor in order of name at multiples of 64 bytes, then the statistics', () => {
  const { tensors, lossSlot, length } = adapterLayout(
    resolve({ rank: 3, targetModules: ['q_proj', 'down_proj'] }),
    sites,
  );
  const name = (layer: number, module: string, half: string) =>
    `base_model.model.model.layers.${layer}.${module}.lora_${half}.weight`;
  assert.deepEqual(tensors, [
    { name: name(0, 'mlp.down_proj', 'A'), shape: [3, 12], offset: 0 },
    { name: name(0, 'mlp.down_proj', 'B'), shape: [8, 3], offset: 48 },
    { name: name(0, 'self_attn.q_proj', 'A'), shape: [3, 8], offset: 80 },
    { name: name(0, 'self_attn.q_proj', 'B'), shape: [8, 3], offset: 112 },
    { name: name(1, 'mlp.down_proj', 'A'), shape: [3, 12], offset: 144 },
    { name: name(1, 'mlp.down_proj', 'B'), shape: [8, 3], offset: 192 },
    { name: name(1, 'self_attn.q_proj', 'A'), shape: [3, 8], offset: 224 },
    { name: name(1, 'self_attn.q_proj', 'B'), shape: [8, 3], offset: 256 },
  ]);
  assert.deepEqual([lossSlot, length], [288, 304]);
  assert.equal(trainableParameters({ tensors, lossSlot, length }), 2 * (36 + 24 + 24 + 24));
});

test('A starts uniform within 1 / sqrt(in), B and the gaps at zero, and every module differs', () => {
  const method = resolve();
  const vector = initialAdapter(method, sites);
  const starts = new Set<number>();
  let touched = 0;
  for (const { tensor, site, parameter } of parametersOf(method, sites)) {
    const values = tensorIn(vector, tensor);
    if (parameter === 'lora_B') assert.ok(values.every((value) => value === 0));
    else {
      const limit = 1 / Math.sqrt(site.in);
      assert.ok(values.every((value) => value >= -limit && value < limit));
      assert.ok(values.some((value) => value > limit / 2) && values.some((value) => value < -limit / 2));
      starts.add(values[0]!);
      touched += values.length;
    }
  }
  assert.equal(starts.size, method.modules.length);
  assert.equal(vector.filter((value) => value !== 0).length, touched);
});

test('the initial adapter follows the seed and nothing else', () => {
  assert.deepEqual(initialAdapter(resolve(), sites), initialAdapter(resolve({ alpha: 3, dropout: 0.5 }), sites));
  assert.notDeepEqual(initialAdapter(resolve(), sites), initialAdapter(resolve({}, 1), sites));
});

test('a gaussian A has the standard deviation 1 / rank', () => {
  const wide = sitesOf(aSpec({ hiddenSize: 2048 }));
  const method = resolveMethod(
    aJob({ method: { lora: { rank: 8, init: 'gaussian', targetModules: ['q_proj'] } } }).spec.method,
    wide,
    0,
  );
  const { tensor } = parametersOf(method, wide)[0]!;
  const values = tensorIn(initialAdapter(method, wide), tensor);
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  assert.ok(Math.abs(deviation - 1 / 8) < 0.003, `${deviation}`);
});

/** test/golden/lora.py: PEFT's get_delta_weight of a [16, 32] weight. */
const golden = JSON.parse(readFileSync(join(packageRoot(), 'test/golden/lora/delta.json'), 'utf8')) as readonly {
  readonly alpha: number;
  readonly rsLora: boolean;
  readonly lora_A: readonly number[];
  readonly lora_B: readonly number[];
  readonly delta: readonly number[];
}[];

for (const { alpha, rsLora, lora_A, lora_B, delta } of golden)
  test(`the dense change is PEFT's (alpha ${alpha}, rsLoRA ${rsLora})`, () => {
    const method = resolve({ rank: 3, alpha, rsLora });
    const site = { path: 'k', in: 32, out: 16, layer: 0 };
    const ours = lora.delta(site, { lora_A: Float32Array.from(lora_A), lora_B: Float32Array.from(lora_B) }, method);
    assert.equal(ours.length, delta.length);
    // Three products in float32 on their side.
    delta.forEach((value, index) => {
      assert.ok(Math.abs(ours[index]! - value) < 1e-5);
    });
  });

function injected(dropout: number) {
  const b = new GraphBuilder(ops);
  const site = sites[0]!;
  const x = b.input('x', 'float32', [6, site.in]);
  const base = b.input('base', 'float32', [6, site.out]);
  const parameters = {
    lora_A: b.input('A', 'float32', [4, site.in]),
    lora_B: b.input('B', 'float32', [site.out, 4]),
  };
  b.output('y', lora.inject(b, site, x, base, parameters, { ...resolve(), dropout }));
  const { nodes, inputs } = b.build();
  return { ops: nodes.map(({ op, attributes }) => [op, attributes.alpha]), inputs: inputs.map(({ name }) => name) };
}

test('an injected adapter is two products, the scale and the sum riding in the second', () => {
  assert.deepEqual(injected(0), {
    ops: [
      ['Gemm', 1],
      ['Gemm', 2],
    ],
    inputs: ['x', 'base', 'A', 'B'],
  });
});

test('with dropout the graph asks for a mask by the name of its site', () => {
  const { ops: nodes, inputs } = injected(0.1);
  assert.deepEqual(
    nodes.map(([op]) => op),
    ['Mul', 'Gemm', 'Gemm'],
  );
  assert.equal(inputs.at(-1), 'dropout:model.layers.0.self_attn.q_proj');
});

test('a mask belongs to its sequence: the same row in another micro-batch is dropped alike', () => {
  const method = { ...resolve(), dropout: 0.5 };
  const inputs = dropoutInputs(method, sites);
  assert.equal(inputs.length, method.modules.length);
  assert.deepEqual(dropoutInputs(resolve(), sites), []);
  const batch = (sequences: readonly number[]) => ({
    shape: { rows: sequences.length, tokens: 5 },
    ids: new Int32Array(),
    positions: new Int32Array(),
    documents: new Int32Array(),
    labels: new Int32Array(),
    weights: new Float32Array(),
    step: 3,
    sequences,
  });
  const size = 5 * inputs[0]!.width;
  const together = dropoutMaskFor(inputs[0]!, batch([7, 9]), method, 1);
  assert.equal(together.length, 2 * size);
  assert.deepEqual(together.subarray(size), dropoutMaskFor(inputs[0]!, batch([9]), method, 1));
  assert.notDeepEqual(together.subarray(0, size), together.subarray(size));
});

test('adapter_config.json names modules by their endings where that says the same, else by their paths', () => {
  assert.deepEqual(lora.peft.config(resolve({ targetModules: ['v_proj', 'q_proj'], dropout: 0.1 }), sites), {
    peft_type: 'LORA',
    r: 4,
    lora_alpha: 8,
    lora_dropout: 0.1,
    use_rslora: false,
    use_dora: false,
    bias: 'none',
    fan_in_fan_out: false,
    init_lora_weights: true,
    target_modules: ['q_proj', 'v_proj'],
  });
  const some = lora.peft.config(
    resolve({ targetModules: ['q_proj'], layersToTransform: [1], init: 'gaussian' }),
    sites,
  );
  assert.deepEqual([some.target_modules, some.init_lora_weights], [['model.layers.1.self_attn.q_proj'], 'gaussian']);
});
