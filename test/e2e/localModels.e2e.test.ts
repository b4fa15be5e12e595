import assert from 'node:assert/strict';
import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { packageRoot } from '../../common/root.js';
import { readSafetensorsHeader, readTensorAsFloat32 } from '../../worker/model/safetensors/read.js';
import { aLocalPlace } from '../support/localJob.js';

const place = await aLocalPlace();
after(() => place[Symbol.asyncDispose]());
const goldens = join(packageRoot(), 'test/golden');

/** A golden model with a tokenizer whose token `<7>` has id 7, so that a prompt can say any ids. */
async function aGoldenBase(name: string): Promise<{ path: string; vocabSize: number }> {
  const path = place.path(`golden-${name}`);
  await cp(join(goldens, 'models', name), path, { recursive: true });
  const config = JSON.parse(await readFile(join(path, 'config.json'), 'utf8')) as { vocab_size: number };
  const tokens = Array.from({ length: config.vocab_size }, (_, id) => `<${id}>`);
  await place.write(`golden-${name}/tokenizer.json`, {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: tokens.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: false,
    })),
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: null,
    model: { type: 'BPE', vocab: Object.fromEntries(tokens.map((token, id) => [token, id])), merges: [] },
  });
  return { path, vocabSize: config.vocab_size };
}

async function tensorOf(path: string, name: string): Promise<Float32Array> {
  const { tensors } = await readSafetensorsHeader(path);
  return readTensorAsFloat32(path, tensors.get(name)!);
}

async function idsOf(path: string): Promise<readonly number[]> {
  const { tensors } = await readSafetensorsHeader(path);
  const { offset, bytes, dtype } = tensors.get('ids')!;
  const content = Uint8Array.prototype.slice.call(await readFile(path), offset, offset + bytes);
  return dtype === 'I64' ? [...new BigInt64Array(content.buffer)].map(Number) : [...new Int32Array(content.buffer)];
}

const greatest = (values: Float32Array): number =>
  values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);

for (const name of ['plain', 'rslora', 'patterns', 'half'])
  test(`an adapter made by PEFT (${name}) gives PEFT's logits, and its greedy token`, async () => {
    const adapter = join(goldens, 'artifacts', name);
    const { base } = JSON.parse(await readFile(join(adapter, 'case.json'), 'utf8')) as { base: string };
    const { path, vocabSize } = await aGoldenBase(base);
    const expected = await tensorOf(join(adapter, 'expected.safetensors'), 'logits');
    const ids = await idsOf(join(adapter, 'expected.safetensors'));
    const prompt = ids.map((id) => `<${id}>`).join('');
    const model = ['--base', path, '--adapter', adapter, '--prompt', prompt];

    const logits = await place.run(['logits', ...model, '--out', `${name}.safetensors`]);
    assert.deepEqual([logits.exit, logits.last?.ids], [0, ids], JSON.stringify(logits.last));
    const found = await tensorOf(place.path(`${name}.safetensors`), 'logits');
    assert.equal(found.length, expected.length);
    const worst = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
    assert.ok(worst <= 5e-4, `the largest difference is ${worst}`);

    const answer = await place.run(['generate', ...model, '--raw', '--max-tokens', '1']);
    const next = greatest(expected.subarray(expected.length - vocabSize));
    assert.deepEqual([answer.exit, answer.last?.tokens], [0, [next]], JSON.stringify(answer.last));
  });

test('what a run published answers alike as a whole, as its serving copy, and merged; without it the base answers otherwise', async () => {
  const run = await place.run(['run', 'job.json', '--set', 'spec.output.merged=true']);
  assert.equal(run.exit, 0, JSON.stringify(run.last));
  const directory = String(run.last!.directory);
  const ask = async (...model: string[]) => {
    const end = await place.run(['generate', ...model, '--prompt', 'item 3 of the list', '--max-tokens', '8']);
    assert.equal(end.exit, 0, JSON.stringify(end.last));
    return end.last!.tokens;
  };
  const adapted = await ask('--base', 'base', '--adapter', directory);
  assert.deepEqual(await ask('--base', 'base', '--adapter', join(directory, 'serving')), adapted);
  assert.deepEqual(await ask('--base', join(directory, 'merged')), adapted);
  assert.notDeepEqual(await ask('--base', 'base'), adapted);
});

test('validate tells data and memory as objects and trains nothing; cache ls and rm name what it cached', async () => {
  const valid = await place.run(['validate', 'job.json']);
  assert.equal(valid.exit, 0, JSON.stringify(valid.last));
  const reports = valid.events.filter(({ event }) => event === 'report');
  assert.deepEqual(
    reports.map(({ title }) => title),
    ['data', 'memory'],
  );
  assert.ok(!valid.events.some(({ phase }) => phase === 'train'));
  const gguf = join(goldens, 'gguf/gpt2-bpe.gguf');
  assert.equal(
    (await place.run(['generate', '--base', gguf, '--prompt', 'the', '--raw', '--max-tokens', '1'])).exit,
    0,
  );
  const listed = async () =>
    ((await place.run(['cache', 'ls'])).last!.bases as { name: string }[]).map(({ name }) => name);
  const before = await listed();
  assert.ok(before.length > 0);
  const removed = await place.run(['cache', 'rm', before[0]!]);
  assert.deepEqual(removed.last!.removed, [before[0]]);
  assert.deepEqual(await listed(), before.slice(1));
});
