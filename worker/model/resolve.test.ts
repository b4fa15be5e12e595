import assert from 'node:assert/strict';
import { copyFile, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { sha256 } from '../../common/hash.js';
import { packageRoot } from '../../common/root.js';
import { aBaseDeps, valuesOf } from '../../test/support/baseDeps.js';
import { createMemoryStore } from '../store/memory.js';
import { hashBase, markerFile } from './cache.js';
import { resolveBase } from './resolve.js';
import { float32ToBfloat16, float32ToFloat16 } from './safetensors/half.js';
import { readSafetensorsHeader, readTensorAsFloat32 } from './safetensors/read.js';
import { encodeSafetensors, type GivenTensor } from './safetensors/write.js';

const goldenModel = join(packageRoot(), 'test/golden/models/llama');
const goldenGguf = join(packageRoot(), 'test/golden/gguf/llama-spm.gguf');
const tokenizer = '{"model":{"vocab":{"a":0}},"added_tokens":[]}';

const root = await mkdtemp(join(tmpdir(), 'espalier-base-'));
const { tensors, path } = await readSafetensorsHeader(join(goldenModel, 'model.safetensors'));
const weights: readonly (GivenTensor & { readonly data: Float32Array })[] = await Promise.all(
  [...tensors.values()].map(async (entry) => ({
    name: entry.name,
    dtype: 'F32' as const,
    shape: entry.shape,
    data: await readTensorAsFloat32(path, entry),
  })),
);
after(() => rm(root, { recursive: true }));

interface FolderOptions {
  readonly tensors?: readonly GivenTensor[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly tokenizer?: string;
}

/** A Hugging Face folder of the golden Llama, with some of it changed. */
async function aFolder({ tensors = weights, config = {}, ...more }: FolderOptions = {}) {
  const folder = await mkdtemp(join(root, 'case-'));
  const model = join(folder, 'model');
  await mkdir(model);
  const given = JSON.parse(await readFile(join(goldenModel, 'config.json'), 'utf8')) as object;
  await writeFile(join(model, 'config.json'), JSON.stringify({ ...given, ...config }));
  await writeFile(join(model, 'tokenizer.json'), more.tokenizer ?? tokenizer);
  await writeFile(join(model, 'model.safetensors'), encodeSafetensors({ tensors }));
  return { folder, model, deps: aBaseDeps(folder) };
}

const given = () => new Map(weights.map(({ name, data }) => [name, data]));

describe('a Hugging Face folder as a base', () => {
  it('is used in place when it is float32 and aligned', async () => {
    const { model, folder, deps } = await aFolder();
    const base = await resolveBase({ sources: [model] }, deps);
    assert.equal(base.directory, model);
    assert.equal(base.storedAs, 'F32');
    assert.deepEqual(new Map([...(await valuesOf(base))]), new Map([...given()].sort(([a], [b]) => (a < b ? -1 : 1))));
    assert.deepEqual(await readdir(join(folder, 'cache')), ['in-place']);
    assert.deepEqual(await resolveBase({ sources: ['model'] }, deps), {
      ...base,
      source: 'model',
      nameOrPath: 'model',
    });
  });

  it('is identified by names, shapes and float32 bytes alone', async () => {
    const { model, deps } = await aFolder();
    const base = await resolveBase({ sources: [model] }, deps);
    const sorted = [...weights].sort((a, b) => (a.name < b.name ? -1 : 1));
    const parts = sorted.flatMap(({ name, shape, data }) => [
      Buffer.from(`${JSON.stringify([name, shape])}\n`),
      Buffer.from(data.buffer),
    ]);
    assert.equal(base.sha256, sha256(Buffer.concat(parts)));
    assert.equal(base.sha256, await hashBase(sorted, (name) => Promise.resolve(given().get(name)!), undefined));
    const elsewhere = await aFolder();
    assert.equal((await resolveBase({ sources: [elsewhere.model] }, elsewhere.deps)).sha256, base.sha256);
  });

  it('is converted once when it is bfloat16 or float16, to a folder of its own', async () => {
    for (const [dtype, convert] of [
      ['BF16', float32ToBfloat16],
      ['F16', float32ToFloat16],
    ] as const) {
      const tensors = weights.map((tensor) => ({ ...tensor, dtype, data: convert(tensor.data) }));
      const { model, deps } = await aFolder({ tensors, config: { dtype: 'bfloat16' } });
      const base = await resolveBase({ sources: [model] }, deps);
      assert.equal(base.storedAs, dtype);
      const names = ['config.json', markerFile, 'generation_config.json', 'model.safetensors', 'tokenizer.json'];
      assert.deepEqual((await readdir(base.directory)).sort(), [...names].sort());
      for (const { offset } of base.tensors.values()) assert.equal(offset % 64, 0);
      const config = JSON.parse(await readFile(join(base.directory, 'config.json'), 'utf8')) as Record<string, unknown>;
      assert.deepEqual([config.torch_dtype, config.dtype], ['float32', undefined]);
      assert.deepEqual(await resolveBase({ sources: [model] }, deps), base);
      assert.equal(deps.messages.filter((message) => message.startsWith('converting')).length, 1);
      const again = await resolveBase({ sources: [base.directory] }, deps);
      assert.deepEqual([again.directory, again.sha256], [base.directory, base.sha256]);
    }
  });

  it('may come in several files', async () => {
    const { model, deps } = await aFolder();
    const whole = await resolveBase({ sources: [model] }, deps);
    await rm(join(model, 'model.safetensors'));
    const halves = [weights.slice(0, 5), weights.slice(5)];
    const weightMap: Record<string, string> = {};
    for (const [index, tensors] of halves.entries()) {
      const file = `model-0000${index + 1}-of-00002.safetensors`;
      await writeFile(join(model, file), encodeSafetensors({ tensors }));
      for (const { name } of tensors) weightMap[name] = file;
    }
    const index = join(model, 'model.safetensors.index.json');
    await writeFile(index, JSON.stringify({ weight_map: weightMap }));
    const base = await resolveBase({ sources: [model] }, deps);
    assert.deepEqual([base.directory, base.sha256], [model, whole.sha256]);
    await writeFile(index, JSON.stringify({ weight_map: { ...weightMap, more: 'model-00001-of-00002.safetensors' } }));
    await assert.rejects(resolveBase({ sources: [model] }, deps), { name: 'TensorMismatch' });
    await writeFile(index, JSON.stringify({ weight_map: { 'model.norm.weight': '../elsewhere' } }));
    await assert.rejects(resolveBase({ sources: [model] }, deps), { name: 'ModelConfigInvalid' });
  });

  it('is copied when its weights are links that lead out of it: the engine could not map them', async () => {
    const { model, folder, deps } = await aFolder();
    await cp(join(model, 'model.safetensors'), join(folder, 'blob'));
    await rm(join(model, 'model.safetensors'));
    await symlink('../blob', join(model, 'model.safetensors'));
    assert.notEqual((await resolveBase({ sources: [model] }, deps)).directory, model);
  });

  it('keeps every tensor aligned when some are no multiple of 64 bytes', async () => {
    const golden = join(packageRoot(), 'test/golden/models/smollm2');
    const folder = await mkdtemp(join(root, 'odd-'));
    await cp(golden, join(folder, 'model'), { recursive: true });
    const base = await resolveBase({ sources: ['model'] }, aBaseDeps(folder));
    for (const { offset } of base.tensors.values()) assert.equal(offset % 64, 0);
    assert.ok((await readdir(base.directory)).includes('model.safetensors.index.json'));
    assert.equal((await resolveBase({ sources: [base.directory] }, aBaseDeps(folder))).sha256, base.sha256);
  });

  const refusals: readonly [string, string, () => FolderOptions][] = [
    ['lacks a tensor', 'TensorMismatch', () => ({ tensors: weights.slice(1) })],
    ['has a tensor of another shape', 'TensorMismatch', () => ({ config: { intermediate_size: 64 } })],
    [
      'has a tensor that the model does not use',
      'TensorMismatch',
      () => ({ tensors: [...weights, { ...weights[0]!, name: 'model.layers.0.self_attn.q_proj.bias' }] }),
    ],
    [
      'has integers for weights',
      'SafetensorsInvalid',
      () => ({ tensors: weights.map((tensor) => ({ ...tensor, dtype: 'I32' as const })) }),
    ],
    [
      'has a tokenizer with more tokens than its embedding',
      'TokenizerMismatch',
      () => ({ tokenizer: '{"model":{"vocab":{"a":0}},"added_tokens":[{"id":192,"content":"b"}]}' }),
    ],
    ['has a tokenizer that is no JSON', 'TokenizerInvalid', () => ({ tokenizer: '{' })],
    ['is of another architecture', 'ArchitectureUnsupported', () => ({ config: { model_type: 'phi3' } })],
  ];
  for (const [what, name, options] of refusals)
    it(`is refused when it ${what}`, async () => {
      const { model, deps, folder } = await aFolder(options());
      await assert.rejects(resolveBase({ sources: [model] }, deps), { name });
      const bases = await readdir(join(folder, 'cache', 'bases')).catch(() => []);
      assert.deepEqual(bases, []);
    });

  it('is missing when the path or its config.json is', async () => {
    const { folder, model, deps } = await aFolder();
    await assert.rejects(resolveBase({ sources: ['none'] }, deps), { name: 'BaseMissing', facts: { source: 'none' } });
    await rm(join(model, 'config.json'));
    await assert.rejects(resolveBase({ sources: [model] }, aBaseDeps(folder)), { name: 'BaseMissing' });
    await writeFile(join(model, 'config.json'), '{');
    await assert.rejects(resolveBase({ sources: [model] }, aBaseDeps(folder)), { name: 'ModelConfigInvalid' });
  });
});

describe('the float32 cache', () => {
  const open = async () => {
    const folder = await mkdtemp(join(root, 'cache-'));
    await copyFile(goldenGguf, join(folder, 'm.gguf'));
    const deps = aBaseDeps(folder);
    return { folder, deps, resolve: (more = {}) => resolveBase({ sources: ['m.gguf'] }, { ...deps, ...more }) };
  };

  it('is made again when a file of it is damaged, cut or gone', async () => {
    const { resolve } = await open();
    const base = await resolve();
    const values = await valuesOf(base);
    for (const file of ['model.safetensors', 'tokenizer.json', markerFile]) {
      const path = join(base.directory, file);
      const bytes = await readFile(path);
      bytes[bytes.length >> 1]! ^= 1;
      for (const damage of [() => writeFile(path, bytes), () => writeFile(path, bytes.subarray(9)), () => rm(path)]) {
        await damage();
        assert.deepEqual(await resolve(), base);
        assert.deepEqual(await valuesOf(base), values);
      }
    }
  });

  it('is believed when it was copied: times differ, hashes do not', async () => {
    const { resolve, deps } = await open();
    const base = await resolve();
    const path = join(base.directory, 'model.safetensors');
    await writeFile(path, await readFile(path));
    assert.deepEqual(await resolve(), base);
    assert.equal(deps.messages.filter((message) => message.startsWith('converting')).length, 1);
  });

  it('is not begun when the disk is too full, and says how much it takes', async () => {
    const { folder, resolve } = await open();
    await assert.rejects(
      resolve({ freeBytes: async () => 1_000_000 }),
      (error: Error & { facts: Record<string, number> }) => {
        assert.equal(error.name, 'CacheSpaceShort');
        assert.equal(error.facts.availableBytes, 1_000_000);
        assert.ok(error.facts.needBytes! > 64 * 2 ** 20);
        return true;
      },
    );
    assert.deepEqual(await readdir(join(folder, 'cache/bases')), []);
  });

  it('breaks the lock of a process that died, and removes what it left', async () => {
    const { folder, resolve } = await open();
    const base = await resolve();
    await rm(base.directory, { recursive: true });
    const scratch = join(folder, 'cache/bases/left.part');
    await mkdir(scratch);
    const dead = { host: hostname(), pid: process.pid, startTicks: '1', scratch };
    await writeFile(`${base.directory}.lock`, JSON.stringify(dead));
    assert.deepEqual(await resolve(), base);
    assert.deepEqual(await readdir(join(folder, 'cache/bases')), [base.directory.split('/').at(-1)]);
  });

  it('breaks the lock of another machine once its heartbeat has stopped', async () => {
    const { resolve, deps } = await open();
    const base = await resolve();
    await rm(base.directory, { recursive: true });
    const elsewhere = { host: 'elsewhere', pid: 1, startTicks: '1', scratch: null };
    await writeFile(`${base.directory}.lock`, JSON.stringify(elsewhere));
    const waited = new AbortController();
    const sleep = () => Promise.reject(new Error('waiting'));
    await assert.rejects(resolve({ clock: { ...deps.clock, sleep }, signal: waited.signal }), /waiting/);
    assert.deepEqual(await resolve({ clock: { ...deps.clock, now: () => Date.now() + 61_000 } }), base);
  });
});

describe('alternatives of a base', () => {
  it('prefer what is here, then what can be had, and name every failure', async () => {
    const { model, deps } = await aFolder();
    const wheel = 'pypi://none==1.0/m.gguf';
    assert.equal((await resolveBase({ sources: [wheel, 'hf://owner/name', model] }, deps)).nameOrPath, 'owner/name');
    await assert.rejects(resolveBase({ sources: [wheel, 'none'] }, deps), {
      name: 'BaseUnavailable',
      facts: {
        attempts: [
          { source: wheel, why: 'the wheel none==1.0 cannot be had with pip: there is no Python' },
          { source: 'none', why: 'no base at none' },
        ],
      },
    });
    await assert.rejects(resolveBase({ sources: [wheel] }, deps), { name: 'WheelUnavailable' });
  });
});

describe('a base in an object store', () => {
  it('is copied below the cache, and fetched again only when it changed', async () => {
    const { folder, model } = await aFolder();
    const store = createMemoryStore();
    for (const name of await readdir(model)) await store.write(name, await readFile(join(model, name)));
    await store.write('optimizer.bin', new Uint8Array(9));
    const urls: string[] = [];
    const deps = aBaseDeps(folder, {
      openStore: (url) => {
        urls.push(url);
        return store;
      },
    });
    const base = await resolveBase({ sources: ['s3://bucket/base/'] }, deps);
    assert.deepEqual(urls, ['s3://bucket/base']);
    assert.equal((await readdir(base.directory)).includes('optimizer.bin'), false);
    assert.deepEqual(await resolveBase({ sources: ['s3://bucket/base'] }, deps), {
      ...base,
      source: 's3://bucket/base',
      nameOrPath: 's3://bucket/base',
    });
    await store.write('tokenizer.json', new TextEncoder().encode(tokenizer.replace('"a"', '"b"')));
    assert.notEqual((await resolveBase({ sources: ['s3://bucket/base'] }, deps)).revision, base.revision);
  });

  it('may be one GGUF file, and is missing when it is', async () => {
    const folder = await mkdtemp(join(root, 'store-'));
    const store = createMemoryStore();
    await store.write('m.gguf', await readFile(goldenGguf));
    const deps = aBaseDeps(folder, { openStore: () => store });
    assert.equal((await resolveBase({ sources: ['s3://bucket/x/m.gguf'] }, deps)).storedAs, 'F16');
    await assert.rejects(resolveBase({ sources: ['s3://bucket/x/n.gguf'] }, deps), { name: 'BaseMissing' });
    await assert.rejects(resolveBase({ sources: ['s3://bucket/x'] }, deps), { name: 'BaseMissing' });
  });
});
