import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import { byCodeUnit } from '../../common/hash.js';
import { packageRoot } from '../../common/root.js';
import { aSpec } from '../../test/support/aSpec.js';
import { sitesOf } from './sites.js';
import { chooseSites, type Targets } from './targets.js';

const sites = sitesOf(aSpec());
const choose = (targets: Partial<Targets> & Pick<Targets, 'targetModules'>): readonly string[] =>
  chooseSites(sites, { excludeModules: [], ...targets }).map(({ path }) => path);

/** test/golden/lora.py: what PEFT wraps in a Llama of two layers. */
const golden = JSON.parse(readFileSync(join(packageRoot(), 'test/golden/lora/targets.json'), 'utf8')) as readonly {
  readonly target_modules: string | readonly string[];
  readonly exclude_modules?: readonly string[];
  readonly layers_to_transform?: readonly number[];
  readonly modules: readonly string[];
}[];

for (const { target_modules, exclude_modules = [], layers_to_transform, modules } of golden)
  test(`PEFT and we wrap the same modules for ${JSON.stringify([target_modules, exclude_modules, layers_to_transform])}`, () => {
    const targetModules =
      typeof target_modules !== 'string' || target_modules === 'all-linear'
        ? (target_modules as Targets['targetModules'])
        : { regex: target_modules };
    const chosen = choose({ targetModules, excludeModules: exclude_modules, layersToTransform: layers_to_transform });
    assert.deepEqual(chosen, [...modules].sort(byCodeUnit));
  });

test('paths are in code-unit order: layer 10 before layer 2', () => {
  const many = sitesOf(aSpec({ layers: 11 }));
  const paths = chooseSites(many, { targetModules: ['q_proj'], excludeModules: [] }).map(({ path }) => path);
  assert.deepEqual(
    paths.slice(0, 4),
    [0, 1, 10, 2].map((layer) => `model.layers.${layer}.self_attn.q_proj`),
  );
});

const refusal = (targets: Parameters<typeof choose>[0]) => {
  try {
    choose(targets);
  } catch (error) {
    if (error instanceof EspalierError) return { name: error.name, facts: error.facts, remedy: error.remedy };
    throw error;
  }
  return assert.fail('nothing was refused');
};

test('a name that matches nothing is refused with the nearest names, even beside one that matches', () => {
  assert.deepEqual(refusal({ targetModules: ['q_proj', 'v_porj'] }), {
    name: 'TargetsUnmatched',
    facts: { patterns: ['v_porj'], nearest: ['v_proj', 'k_proj', 'o_proj'] },
    remedy: 'try one of v_proj, k_proj, o_proj',
  });
  assert.deepEqual(refusal({ targetModules: ['mlp.gate'] }).facts, {
    patterns: ['mlp.gate'],
    nearest: ['gate_proj', 'k_proj', 'o_proj'],
  });
  assert.equal(refusal({ targetModules: { regex: '.*\\.query' } }).name, 'TargetsUnmatched');
  assert.equal(refusal({ targetModules: 'all-linear', excludeModules: ['qproj'] }).name, 'TargetsUnmatched');
});

test('a regex must match the whole name', () => {
  assert.equal(refusal({ targetModules: { regex: 'q_proj' } }).name, 'TargetsUnmatched');
  assert.deepEqual(refusal({ targetModules: { regex: '(q_proj' } }).name, 'TargetRegexInvalid');
});

test('nothing left, layers that do not exist and the output layer are refused', () => {
  assert.equal(refusal({ targetModules: ['q_proj'], excludeModules: ['q_proj'] }).name, 'TargetsEmpty');
  assert.deepEqual(refusal({ targetModules: ['q_proj'], layersToTransform: [1, 2] }), {
    name: 'LayersUnknown',
    facts: { layers: [2], last: 1 },
    remedy: 'name layers of 0 to 1',
  });
  assert.deepEqual(refusal({ targetModules: ['q_proj', 'lm_head'] }), {
    name: 'TargetUnsupported',
    facts: { module: 'lm_head' },
    remedy: 'leave lm_head out of targetModules, or put it into excludeModules',
  });
});
