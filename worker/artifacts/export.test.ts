import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { sha256 } from '../../common/hash.js';
import { packageRoot } from '../../common/root.js';
import { rejectsWith } from '../../test/contracts/store.js';
import { anAdapter, aRecord, untrained } from '../../test/support/anAdapter.js';
import { exportCases, exportOf } from '../../test/support/exportCases.js';
import { goldenBase } from '../../test/support/goldenModel.js';
import { methods } from '../adapter/index.js';
import { adapterLayout } from '../adapter/layout.js';
import { sitesOf } from '../adapter/sites.js';
import { readGguf, readGgufTensor } from '../model/gguf/read.js';
import { readSafetensorsHeader, readTensor, readTensorAsFloat32 } from '../model/safetensors/read.js';
import { type Adapter, adapterFromVector, adapterVector, loraKey } from './adapter.js';
import { exportArtifacts } from './export.js';
import { filesBelow } from './files.js';
import { ggufAdapter } from './gguf.js';
import { writeMerged } from './merged.js';
import { readAdapter } from './readAdapter.js';
import { servingCopy } from './serving.js';

const temporary = await mkdtemp(join(tmpdir(), 'export-'));
after(() => rm(temporary, { recursive: true, force: true }));
const freshFolder = () => mkdtemp(join(temporary, 'x-'));

const base = await goldenBase('llama');
after(() => base[Symbol.asyncDispose]());
await cp(join(packageRoot(), 'test/golden/models/llama/config.json'), join(base.directory, 'config.json'));
await writeFile(join(base.directory, 'tokenizer.json'), '{"tokenizer":true}');

const input = (folder: string, adapter: Adapter, merged = false) => ({
  folder,
  base,
  adapter,
  initial: untrained(adapter),
  merged,
  record: aRecord(),
});

test('an export holds the PEFT folder, serving copy, GGUF adapter, card, record, tokenizer and merged model', async () => {
  const folder = await freshFolder();
  const adapter = anAdapter(base.spec);
  const { adapterSha256, record } = await exportArtifacts(input(folder, adapter, true));
  assert.deepEqual(await filesBelow(folder), [
    'README.md',
    'adapter.gguf',
    'adapter_config.json',
    'adapter_model.safetensors',
    'espalier.json',
    'merged/config.json',
    'merged/model.safetensors',
    'merged/tokenizer.json',
    'serving/adapter_config.json',
    'serving/adapter_model.safetensors',
    'tokenizer.json',
  ]);
  assert.equal(sha256(await readFile(join(folder, 'adapter_model.safetensors'))), adapterSha256);
  assert.deepEqual(
    JSON.parse(await readFile(join(folder, 'espalier.json'), 'utf8')),
    JSON.parse(JSON.stringify(record)),
  );
  const again = await readAdapter(folder, base.spec);
  assert.deepEqual(again.tensors, new Map([...adapter.tensors].sort(([a], [b]) => (a < b ? -1 : 1))));
  assert.equal(again.method.scale, adapter.method.scale);
});

test('an export with other settings into the same folder leaves nothing of the first', async () => {
  const folder = await freshFolder();
  await exportArtifacts(input(folder, anAdapter(base.spec), true));
  await exportArtifacts(input(folder, anAdapter(base.spec), false));
  assert.ok(!(await filesBelow(folder)).some((path) => path.startsWith('merged/')));
});

for (const name of Object.keys(exportCases))
  test(`exports (${name}) have the bytes that PEFT and llama.cpp were seen to read right`, async () => {
    const checked = JSON.parse(await readFile(join(packageRoot(), 'test/golden/artifacts/checked.json'), 'utf8'));
    assert.deepEqual(await exportOf(name, await freshFolder()), checked.exports[name]);
  });

test('an adapter that did not move, is not finite or has no tensors is not exported', async () => {
  const adapter = anAdapter(base.spec);
  const folder = await freshFolder();
  await rejectsWith('AdapterUnchanged', () => exportArtifacts({ ...input(folder, adapter), initial: adapter }));
  const broken = anAdapter(base.spec);
  broken.tensors.get(loraKey('model.layers.0.self_attn.q_proj', 'B'))!.data[3] = Number.NaN;
  broken.tensors.get(loraKey('model.layers.1.self_attn.q_proj', 'B'))!.data[0] = Number.POSITIVE_INFINITY;
  await rejectsWith('AdapterNotFinite', () => exportArtifacts(input(folder, broken)));
  await assert.rejects(exportArtifacts(input(folder, broken)), /^AdapterNotFinite: 2 values/);
  const empty = { method: { ...adapter.method, modules: [] }, tensors: new Map() };
  await rejectsWith('AdapterEmpty', () => exportArtifacts(input(folder, empty)));
  assert.deepEqual(await filesBelow(folder), []);
});

test('a vector and its adapter are two views of the same numbers', () => {
  const adapter = anAdapter(base.spec);
  const layout = adapterLayout(adapter.method, sitesOf(base.spec));
  const vector = adapterVector(adapter, layout);
  const again = adapterFromVector(adapter.method, layout, vector);
  assert.deepEqual(adapterVector(again, layout), vector);
  assert.deepEqual(
    [...again.tensors.keys()],
    layout.tensors.map(({ name }) => name),
  );
});

test('the serving copy has a rank of the list, alpha equal to it, and the same change of the weights', () => {
  for (const [rank, expected] of [
    [1, 1],
    [4, 8],
    [16, 16],
    [33, 64],
    [300, 320],
  ] as const) {
    const adapter = anAdapter(base.spec, { rank, alpha: 12, rsLora: true, targets: ['v_proj'] });
    const copy = servingCopy(adapter)!;
    assert.deepEqual(
      [copy.method.rank, copy.method.alpha, copy.method.scale, copy.method.rsLora],
      [expected, expected, 1, false],
    );
    const path = 'model.layers.0.self_attn.v_proj';
    const site = sitesOf(base.spec).find((one) => one.path === path)!;
    const change = (of: Adapter) =>
      methods.lora.delta(
        site,
        { lora_A: of.tensors.get(loraKey(path, 'A'))!.data, lora_B: of.tensors.get(loraKey(path, 'B'))!.data },
        of.method,
      );
    const [ours, copied] = [change(adapter), change(copy)];
    const largest = ours.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    // One rounding of each value of B: relative 2^-24 of every product.
    for (const [index, value] of ours.entries()) assert.ok(Math.abs(value - copied[index]!) <= 1e-5 * largest);
  }
  assert.equal(servingCopy(anAdapter(base.spec, { rank: 513, targets: ['v_proj'] })), undefined);
});

test('a rank beyond the list is exported without a serving copy, and the card says so', async () => {
  const folder = await freshFolder();
  const { record } = await exportArtifacts(input(folder, anAdapter(base.spec, { rank: 520, targets: ['v_proj'] })));
  assert.deepEqual(record.omitted, [{ what: 'the serving copy', why: "rank 520 is beyond vLLM's 512" }]);
  assert.match(await readFile(join(folder, 'README.md'), 'utf8'), /Left out: the serving copy, because rank 520/);
});

test('the GGUF adapter carries the scale as alpha over rank and permutes the rows of q and k for llama only', async () => {
  const adapter = anAdapter(base.spec, { rank: 4, alpha: 12, rsLora: true, targets: ['q_proj', 'v_proj'] });
  const path = join(await freshFolder(), 'adapter.gguf');
  const read = async (spec = base.spec) => {
    await writeFile(path, ggufAdapter(adapter, spec, 'test'));
    return readGguf(path);
  };
  const file = await read();
  assert.equal(file.metadata.get('general.architecture')?.value, 'llama');
  assert.equal(file.metadata.get('general.type')?.value, 'adapter');
  assert.equal(file.metadata.get('adapter.type')?.value, 'lora');
  assert.equal(file.metadata.get('adapter.lora.alpha')?.value, 24);
  assert.equal(file.tensors.size, adapter.tensors.size);
  const b = adapter.tensors.get(loraKey('model.layers.1.self_attn.q_proj', 'B'))!;
  const rank = 4;
  const half = base.spec.headDim / 2;
  const stored = await readGgufTensor(path, file.tensors.get('blk.1.attn_q.weight.lora_b')!);
  // Row 2 i + j of a head holds row j half + i.
  for (let row = 0; row < b.shape[0]!; row++) {
    const head = Math.floor(row / base.spec.headDim);
    const [i, j] = [Math.floor((row % base.spec.headDim) / 2), row % 2];
    const from = head * base.spec.headDim + j * half + i;
    assert.deepEqual(stored.subarray(row * rank, (row + 1) * rank), b.data.subarray(from * rank, (from + 1) * rank));
  }
  const qwen = await read({ ...base.spec, family: 'qwen2' });
  assert.equal(qwen.metadata.get('general.architecture')?.value, 'qwen2');
  assert.deepEqual(
    await readGgufTensor(path, qwen.tensors.get('blk.1.attn_q.weight.lora_b')!),
    Float32Array.from(b.data),
  );
});

test('a merged model is W + s B A in its wrapped modules and W elsewhere, in files below the limit', async () => {
  const folder = join(await freshFolder(), 'merged');
  const adapter = anAdapter(base.spec, { targets: ['q_proj'] });
  await writeMerged(folder, base, adapter, { limitBytes: 40_000 });
  const index = JSON.parse(await readFile(join(folder, 'model.safetensors.index.json'), 'utf8'));
  assert.deepEqual(Object.keys(index.weight_map).sort(), [...base.tensors.keys()].sort());
  const files = (await filesBelow(folder)).filter((file) => file.startsWith('model-'));
  assert.deepEqual([...new Set(Object.values(index.weight_map))].sort(), files);
  assert.ok(files.length > 1 && files[0] === `model-00001-of-0000${files.length}.safetensors`);
  let totalBytes = 0;
  for (const [name, location] of base.tensors) {
    const path = join(folder, index.weight_map[name]);
    const merged = await readTensorAsFloat32(path, (await readSafetensorsHeader(path)).tensors.get(name)!);
    totalBytes += merged.byteLength;
    const entry = { name, dtype: 'F32' as const, ...location };
    const weights = await readTensorAsFloat32(join(base.directory, location.file), entry);
    const path0 = name.replace(/\.weight$/, '');
    if (adapter.method.modules.includes(path0)) {
      const site = sitesOf(base.spec).find(({ path: one }) => one === path0)!;
      const parts = {
        lora_A: adapter.tensors.get(loraKey(path0, 'A'))!.data,
        lora_B: adapter.tensors.get(loraKey(path0, 'B'))!.data,
      };
      const change = methods.lora.delta(site, parts, adapter.method);
      for (const [at, value] of change.entries()) weights[at]! += value;
    }
    assert.deepEqual(merged, weights);
  }
  assert.equal(index.metadata.total_size, totalBytes);
});

test('a bfloat16 base merges into bfloat16, a quantised one into float32', async () => {
  const half = await goldenBase('smollm2');
  try {
    assert.equal(half.storedAs, 'BF16');
    await cp(join(packageRoot(), 'test/golden/models/smollm2/config.json'), join(half.directory, 'config.json'));
    const adapter = anAdapter(half.spec, { targets: ['down_proj'] });
    const folder = await freshFolder();
    const dtypeOf = async (storedAs: string) => {
      await writeMerged(join(folder, storedAs), { ...half, storedAs }, adapter);
      const path = join(folder, storedAs, 'model.safetensors');
      const entry = (await readSafetensorsHeader(path)).tensors.get('model.norm.weight')!;
      const { dtype } = JSON.parse(await readFile(join(folder, storedAs, 'config.json'), 'utf8'));
      return { stored: entry.dtype, said: dtype, bytes: await readTensor(path, entry) };
    };
    const same = await dtypeOf('BF16');
    assert.deepEqual([same.stored, same.said], ['BF16', 'bfloat16']);
    // What no adapter touches keeps its bits through float32 and back.
    const source = join(packageRoot(), 'test/golden/models/smollm2/model.safetensors');
    const entry = (await readSafetensorsHeader(source)).tensors.get('model.norm.weight')!;
    assert.deepEqual(same.bytes, await readTensor(source, entry));
    const wide = await dtypeOf('Q4_1');
    assert.deepEqual([wide.stored, wide.said], ['F32', 'float32']);
    assert.deepEqual((await dtypeOf('F16')).stored, 'F16');
  } finally {
    await half[Symbol.asyncDispose]();
  }
});
