import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { EspalierError } from '../../../api/errors.js';
import { packageRoot } from '../../../common/root.js';
import { openTokenizer } from '../../data/tokenizer/openTokenizer.js';
import { parseModelSpec } from '../config.js';
import type { GgufValue } from '../gguf/format.js';
import { readGguf } from '../gguf/read.js';
import { encodeGguf } from '../gguf/write.js';
import { readSafetensorsHeader, readTensor } from '../safetensors/read.js';
import { checkTensors, expectedTensors } from '../tensors.js';
import { shortest } from './ggufConfig.js';
import { readGgufModel } from './ggufModel.js';

const golden = (name: string) => join(packageRoot(), 'test/golden/gguf', name);

const folder = await mkdtemp(join(tmpdir(), 'espalier-gguf-model-'));
after(() => rm(folder, { recursive: true }));

interface TokenCase {
  readonly text: string;
  readonly ids: readonly number[];
}

/** A golden file with some metadata changed (undefined = taken out). */
async function changed(name: string, changes: Readonly<Record<string, GgufValue | undefined>>): Promise<string> {
  const gguf = await readGguf(golden(name));
  const bytes = new Uint8Array(await readFile(gguf.path));
  const metadata = new Map(gguf.metadata);
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) metadata.delete(key);
    else metadata.set(key, value);
  }
  const tensors = [...gguf.tensors.values()].map(({ offset, bytes: length, ...tensor }) => ({
    ...tensor,
    data: bytes.subarray(offset, offset + length),
  }));
  const path = join(folder, `${Object.keys(changes).join('-')}.gguf`);
  await writeFile(path, encodeGguf({ metadata, tensors }));
  return path;
}

async function refused(name: string, changes: Readonly<Record<string, GgufValue | undefined>>): Promise<EspalierError> {
  const error = await readGgufModel(await changed(name, changes)).then(
    () => assert.fail('accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof EspalierError, String(error));
  return error;
}

const text = (value: string): GgufValue => ({ type: 'string', value });
const count = (value: number): GgufValue => ({ type: 'uint32', value });

describe('a GGUF file as a Hugging Face model', () => {
  for (const name of ['llama-spm', 'qwen2-bpe', 'qwen3-bpe', 'gpt2-bpe'])
    it(`gives the tensors of ${name} the bits and names that transformers gives them`, async () => {
      const model = await readGgufModel(golden(`${name}.gguf`));
      checkTensors(expectedTensors(parseModelSpec(model.config)), model.tensors);
      const { tensors, path } = await readSafetensorsHeader(golden(`${name}.safetensors`));
      assert.deepEqual([...model.tensors.keys()].sort(), [...tensors.keys()].sort());
      for (const [key, tensor] of model.tensors)
        assert.deepEqual(await tensor.read(), await readTensor(path, tensors.get(key)!), key);
    });

  for (const name of ['llama-spm', 'llama3-bpe', 'qwen2-bpe', 'gpt2-bpe'])
    it(`rebuilds the tokenizer of ${name} so that ids are those of transformers`, async () => {
      const { files } = await readGgufModel(golden(`${name}.gguf`));
      for (const [file, bytes] of files) await writeFile(join(folder, file), bytes);
      const tokenizer = await openTokenizer(folder);
      const cases = JSON.parse(await readFile(golden(`${name}.json`), 'utf8')) as TokenCase[];
      for (const { text, ids } of cases)
        assert.deepEqual([...tokenizer.encode(text, { specials: true })], ids, JSON.stringify(text));
    });

  it('takes geometry, head size and ties from metadata and tensors', async () => {
    const spec = parseModelSpec((await readGgufModel(golden('qwen3-bpe.gguf'))).config);
    assert.equal(spec.headDim, 128);
    assert.equal(spec.qkNorm, true);
    assert.equal(spec.tieWordEmbeddings, false);
    assert.equal(spec.rmsNormEps, 1e-6);
    assert.equal(parseModelSpec((await readGgufModel(golden('qwen2-bpe.gguf'))).config).tieWordEmbeddings, true);
  });

  it("recognises Llama 3's RoPE scaling by the divisors that the file keeps of it", async () => {
    const { config } = await readGgufModel(golden('llama3-bpe.gguf'));
    assert.deepEqual(parseModelSpec(config).rope, {
      theta: 500_000,
      scaling: { type: 'llama3', factor: 32, lowFreqFactor: 1, highFreqFactor: 4, originalMaxPositions: 8192 },
    });
    const error = await refused('llama3-bpe.gguf', { 'llama.rope.freq_base': { type: 'float32', value: 400_000 } });
    assert.equal(error.name, 'ModelFeatureUnsupported');
    assert.equal((error.facts as { feature: string }).feature, 'rope_freqs');
  });

  it('reads linear and yarn scaling', async () => {
    const of = async (changes: Readonly<Record<string, GgufValue>>) =>
      parseModelSpec((await readGgufModel(await changed('gpt2-bpe.gguf', changes))).config).rope.scaling;
    const factor = { 'llama.rope.scaling.factor': { type: 'float32', value: 4 } } as const;
    assert.deepEqual(await of({ 'llama.rope.scaling.type': text('linear'), ...factor }), { type: 'linear', factor: 4 });
    const yarn = await of({
      'llama.rope.scaling.type': text('yarn'),
      ...factor,
      'llama.rope.scaling.original_context_length': count(16),
    });
    assert.deepEqual([yarn.type, 'originalMaxPositions' in yarn && yarn.originalMaxPositions], ['yarn', 16]);
    assert.equal(
      (await refused('gpt2-bpe.gguf', { 'llama.rope.scaling.type': text('yarn') })).name,
      'ModelConfigInvalid',
    );
    assert.equal(
      (await refused('gpt2-bpe.gguf', { 'llama.rope.scaling.type': text('odd'), ...factor })).name,
      'ModelFeatureUnsupported',
    );
  });

  const refusals: readonly [string, string, Readonly<Record<string, GgufValue | undefined>>][] = [
    ['ArchitectureUnsupported', 'another architecture', { 'general.architecture': text('gemma') }],
    ['ModelFeatureUnsupported', 'experts', { 'llama.expert_count': count(8) }],
    ['ModelFeatureUnsupported', 'partial rotation', { 'llama.rope.dimension_count': count(4) }],
    ['ModelFeatureUnsupported', 'an adapter instead of a model', { 'general.type': text('adapter') }],
    ['GgufInvalid', 'missing geometry', { 'llama.embedding_length': undefined }],
    ['GgufInvalid', 'a text where a number belongs', { 'llama.block_count': text('2') }],
    ['GgufInvalid', 'no tokens', { 'tokenizer.ggml.tokens': undefined }],
    ['GgufInvalid', 'a special token beyond the vocabulary', { 'tokenizer.ggml.bos_token_id': count(999) }],
    ['GgufInvalid', 'merges of one piece', { 'tokenizer.ggml.merges': { type: 'array', of: 'string', value: ['ab'] } }],
    [
      'GgufInvalid',
      'fewer types than tokens',
      { 'tokenizer.ggml.token_type': { type: 'array', of: 'int32', value: [1] } },
    ],
    ['TokenizerUnsupported', 'a pre-tokenizer it does not know', { 'tokenizer.ggml.pre': text('tekken') }],
    ['TokenizerUnsupported', 'a tokenizer it does not know', { 'tokenizer.ggml.model': text('bert') }],
  ];
  for (const [name, what, changes] of refusals)
    it(`refuses a file with ${what}`, async () => {
      assert.equal((await refused('gpt2-bpe.gguf', changes)).name, name);
    });

  it('gives float32 constants the decimals they were written as', () => {
    assert.deepEqual([9.999999747378752e-6, 500_000, 0.1 + 2 ** -30].map(shortest), [1e-5, 500_000, 0.1]);
  });
});
