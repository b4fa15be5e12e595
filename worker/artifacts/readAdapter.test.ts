import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { packageRoot } from '../../common/root.js';
import { rejectsWith } from '../../test/contracts/store.js';
import { methods } from '../adapter/index.js';
import { sitesOf } from '../adapter/sites.js';
import { parseModelSpec } from '../model/config.js';
import { readSafetensorsHeader, readTensorAsFloat32 } from '../model/safetensors/read.js';
import { encodeSafetensors } from '../model/safetensors/write.js';
import type { ModelSpec } from '../model/spec.js';
import { type Adapter, loraKey } from './adapter.js';
import { readAdapter } from './readAdapter.js';

const goldens = join(packageRoot(), 'test/golden');
const fixture = (name: string) => join(goldens, 'artifacts', name);
const temporary = await mkdtemp(join(tmpdir(), 'read-adapter-'));
after(() => rm(temporary, { recursive: true, force: true }));

const json = async (path: string) => JSON.parse(await readFile(path, 'utf8'));
const specOf = async (base: string): Promise<ModelSpec> =>
  parseModelSpec(await json(join(goldens, 'models', base, 'config.json')));

/** A copy of a fixture whose adapter_config.json has other fields. */
async function altered(name: string, fields: Record<string, unknown>): Promise<string> {
  const folder = await mkdtemp(join(temporary, 'altered-'));
  await cp(fixture(name), folder, { recursive: true });
  const path = join(folder, 'adapter_config.json');
  await writeFile(path, JSON.stringify({ ...(await json(path)), ...fields }));
  return folder;
}

function delta({ method, tensors }: Adapter, spec: ModelSpec, path: string): Float32Array {
  const site = sitesOf(spec).find((one) => one.path === path)!;
  const parts = { lora_A: tensors.get(loraKey(path, 'A'))!.data, lora_B: tensors.get(loraKey(path, 'B'))!.data };
  return methods.lora.delta(site, parts, method);
}

for (const name of ['plain', 'rslora', 'patterns', 'half'])
  test(`an adapter made by PEFT (${name}) changes the weights as it does in PEFT`, async () => {
    const spec = await specOf((await json(join(fixture(name), 'case.json'))).base);
    const adapter = await readAdapter(fixture(name), spec);
    const path = join(fixture(name), 'expected.safetensors');
    const expected = [...(await readSafetensorsHeader(path)).tensors.values()].filter((entry) =>
      entry.name.startsWith('delta.'),
    );
    assert.deepEqual(adapter.method.modules, expected.map((entry) => entry.name.slice(6)).sort());
    for (const entry of expected) {
      const theirs = await readTensorAsFloat32(path, entry);
      const ours = delta(adapter, spec, entry.name.slice(6));
      assert.equal(ours.length, theirs.length);
      const worst = ours.reduce((most, value, index) => Math.max(most, Math.abs(value - theirs[index]!)), 0);
      const largest = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      // float32 sums of at most 6 products on their side.
      assert.ok(worst <= 1e-6 * largest, `${entry.name}: ${worst} of ${largest}`);
    }
  });

test('an adapter of one rank and scale keeps its tensors, rank and alpha as they are', async () => {
  const adapter = await readAdapter(fixture('plain'));
  assert.deepEqual(
    { rank: adapter.method.rank, alpha: adapter.method.alpha, scale: adapter.method.scale },
    { rank: 4, alpha: 8, scale: 2 },
  );
});

test('what Espalier does not run is refused by name', async () => {
  const refusals: [string, RegExp][] = [
    [fixture('dora'), /DoRA/],
    [fixture('modules-to-save'), /modules_to_save/],
    [await altered('plain', { peft_type: 'IA3' }), /the method IA3/],
    [await altered('plain', { bias: 'lora_only' }), /bias/],
    [await altered('plain', { init_lora_weights: 'pissa' }), /the initialiser pissa/],
    [await altered('plain', { trainable_token_indices: [1, 2] }), /trainable_token_indices/],
    [await altered('plain', { layer_replication: [[0, 1]] }), /layer_replication/],
    [await altered('plain', { target_parameters: ['x'] }), /target_parameters/],
    [await altered('plain', { use_qalora: true }), /QALoRA/],
    [await altered('plain', { fan_in_fan_out: true }), /fan_in_fan_out/],
  ];
  for (const [folder, feature] of refusals) {
    await rejectsWith('AdapterUnsupported', () => readAdapter(folder));
    await assert.rejects(readAdapter(folder), feature);
  }
});

test('a folder without an adapter says which file is missing', async () => {
  await rejectsWith('AdapterMissing', () => readAdapter(join(temporary, 'nothing')));
  const folder = await altered('plain', {});
  await rm(join(folder, 'adapter_model.safetensors'));
  await assert.rejects(readAdapter(folder), /no adapter_model\.safetensors/);
});

test('tensors and configuration that contradict each other are named', async () => {
  await rejectsWith('AdapterInvalid', async () => readAdapter(await altered('plain', { r: 5 })));
  await rejectsWith('AdapterInvalid', async () => readAdapter(await altered('plain', { lora_alpha: 0 })));
  await rejectsWith('AdapterInvalid', async () => readAdapter(await altered('plain', { rank_pattern: { '(': 2 } })));
  const broken = await altered('plain', {});
  await writeFile(join(broken, 'adapter_config.json'), '{');
  await rejectsWith('AdapterInvalid', () => readAdapter(broken));
});

test('half a pair, foreign tensors, DoRA vectors, no tensors and NaN are refused', async () => {
  const withTensors = async (tensors: Record<string, readonly number[]>) => {
    const folder = await altered('plain', { r: 1 });
    const given = Object.entries(tensors).map(([name, data]) => ({
      name,
      dtype: 'F32' as const,
      shape: name.includes('_A') ? [1, data.length] : [data.length, 1],
      data: Float32Array.from(data),
    }));
    await writeFile(join(folder, 'adapter_model.safetensors'), encodeSafetensors({ tensors: given }));
    return folder;
  };
  const a = loraKey('model.layers.0.self_attn.q_proj', 'A');
  const b = loraKey('model.layers.0.self_attn.q_proj', 'B');
  await rejectsWith('AdapterInvalid', async () => readAdapter(await withTensors({ [a]: [1] })));
  await rejectsWith('AdapterInvalid', async () => readAdapter(await withTensors({ [a]: [1], [b]: [1], other: [1] })));
  const magnitude = 'base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector';
  await rejectsWith('AdapterUnsupported', async () =>
    readAdapter(await withTensors({ [a]: [1], [b]: [1], [magnitude]: [1] })),
  );
  const head = { [loraKey('lm_head', 'A')]: [1], [loraKey('lm_head', 'B')]: [1] };
  await rejectsWith('AdapterUnsupported', async () => readAdapter(await withTensors(head)));
  await rejectsWith('AdapterEmpty', async () => readAdapter(await withTensors({})));
  await rejectsWith('AdapterNotFinite', async () => readAdapter(await withTensors({ [a]: [Number.NaN], [b]: [1] })));
});

test('an adapter of another base is refused, naming modules', async () => {
  await rejectsWith('AdapterMismatch', async () => readAdapter(fixture('plain'), await specOf('qwen3')));
  const spec = await specOf('llama');
  await rejectsWith('AdapterMismatch', () => readAdapter(fixture('plain'), { ...spec, layers: 1 }));
});
