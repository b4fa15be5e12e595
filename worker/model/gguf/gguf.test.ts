import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { EspalierError } from '../../../api/errors.js';
import { packageRoot } from '../../../common/root.js';
import { readSafetensorsHeader, readTensor } from '../safetensors/read.js';
import type { GgufValue, TensorType } from './format.js';
import { parseGguf, readGguf, readGgufTensor } from './read.js';
import { encodeGguf, type GivenGgufTensor, writeGguf } from './write.js';

const golden = (name: string) => join(packageRoot(), 'test/golden/gguf', name);

const folder = await mkdtemp(join(tmpdir(), 'espalier-gguf-'));
after(() => rm(folder, { recursive: true }));

const metadata = new Map<string, GgufValue>([
  ['general.architecture', { type: 'string', value: 'llama' }],
  ['list', { type: 'array', of: 'string', value: ['a', 'bc'] }],
  ['flag', { type: 'bool', value: true }],
]);
const ones = (name: string, type: TensorType, shape: readonly number[], bytes: number): GivenGgufTensor => ({
  name,
  type,
  shape,
  data: new Uint8Array(bytes).fill(1),
});
const small = () => encodeGguf({ metadata, tensors: [ones('a', 'F32', [3], 12), ones('b', 'Q8_0', [2, 32], 68)] });

function refusal(bytes: Uint8Array): { name: string; facts: Record<string, unknown> } {
  try {
    parseGguf('x.gguf', bytes, bytes.byteLength);
  } catch (error) {
    assert.ok(error instanceof EspalierError, String(error));
    return { name: error.name, facts: error.facts as Record<string, unknown> };
  }
  return assert.fail('accepted');
}

/** The small file with the bytes after `text` replaced from `skip` on. */
function edited(text: string, skip: number, bytes: readonly number[]): Uint8Array {
  const file = Buffer.from(small());
  const at = file.indexOf(text, 0, 'latin1') + text.length + skip;
  file.set(bytes, at);
  return file;
}

describe('reading GGUF', () => {
  it('dequantises every type to the bits of gguf-py', async () => {
    const gguf = await readGguf(golden('types.gguf'));
    const { tensors, path } = await readSafetensorsHeader(golden('types.safetensors'));
    assert.deepEqual([...gguf.tensors.keys()].sort(), ['BF16', 'F16', 'F32', 'Q4_0', 'Q4_1', 'Q8_0']);
    for (const [name, tensor] of gguf.tensors) {
      assert.equal(tensor.type, name);
      const expected = (await readTensor(path, tensors.get(name)!)) as Float32Array;
      const found = await readGgufTensor(gguf.path, tensor);
      assert.deepEqual(new Uint32Array(found.buffer), new Uint32Array(expected.buffer), name);
    }
  });

  it('reads every kind of metadata', async () => {
    const { metadata } = await readGguf(golden('types.gguf'));
    const of = (name: string) => metadata.get(`test.${name}`)?.value;
    assert.deepEqual(['uint8', 'int8', 'int16', 'uint64', 'int64', 'float64', 'bool', 'texts', 'numbers'].map(of), [
      200,
      -7,
      -300,
      2n ** 63n + 1n,
      -5,
      0.1,
      true,
      ['a', 'é', ''],
      [1, -2, 3],
    ]);
  });

  it('refuses every cut-off copy of a file', () => {
    const whole = small();
    // The last 28 bytes only pad the file to its alignment.
    for (let size = 0; size < whole.byteLength - 28; size++) {
      const { name, facts } = refusal(whole.subarray(0, size));
      assert.equal(name, 'GgufInvalid');
      assert.ok(['truncated', 'count', 'beyondFile'].includes(facts.rule as string), `${size}: ${facts.rule}`);
    }
  });

  it('reads heads longer than its first window', async () => {
    const texts = Array.from({ length: 3_000 }, (_, index) => String(index).padEnd(4_000, 'x'));
    const long = new Map<string, GgufValue>([...metadata, ['long', { type: 'array', of: 'string', value: texts }]]);
    const path = join(folder, 'long.gguf');
    await writeGguf(path, { metadata: long, tensors: [ones('a', 'F32', [3], 12)] });
    assert.deepEqual((await readGguf(path)).metadata.get('long')?.value, texts);
  });

  const lies: readonly [string, Uint8Array, object][] = [
    [
      'is something else',
      edited('', 0, [0x50]),
      { item: null, rule: 'magic', stated: '0x46554750', allowed: '0x46554747 (GGUF)' },
    ],
    [
      'has an old version',
      edited('GGUF', 0, [1]),
      { item: null, rule: 'version', stated: 1, allowed: '2 or 3, little endian' },
    ],
    [
      'claims a billion tensors',
      edited('GGUF', 4, [0, 0, 0, 64]),
      { item: 'tensor count', rule: 'count', stated: '1073741824', allowed: 14 },
    ],
    [
      'has a value of an unknown type',
      edited('flag', 0, [99]),
      { item: 'flag', rule: 'valueType', stated: 99, allowed: '0 to 12' },
    ],
    [
      'has a bool that is 2',
      edited('flag', 4, [2]),
      { item: 'flag', rule: 'value', stated: 2, allowed: '0 or 1 (a bool)' },
    ],
    [
      'has lists of lists',
      edited('list', 4, [9]),
      { item: 'list', rule: 'valueType', stated: 'array of arrays', allowed: 'an array of scalars' },
    ],
    [
      'has text that is no UTF-8',
      edited('general.architecture', 12, [0xff]),
      { item: 'general.architecture', rule: 'text', stated: 'bytes that are not UTF-8', allowed: 'UTF-8' },
    ],
    [
      'has five dimensions',
      edited('\x01\x00\x00\x00\x00\x00\x00\x00b', 0, [5]),
      { item: 'tensor b', rule: 'dimensions', stated: 5, allowed: 'at most 4' },
    ],
    [
      'has rows that are no whole blocks',
      edited('\x01\x00\x00\x00\x00\x00\x00\x00b', 4, [33]),
      {
        item: 'tensor b',
        rule: 'dimensions',
        stated: '[2, 33]',
        allowed: 'sizes >= 1, fewer than 2^53 bytes, rows in multiples of 32 (Q8_0)',
      },
    ],
    [
      'lets tensors overlap',
      edited('\x01\x00\x00\x00\x00\x00\x00\x00b', 24, [0]),
      { item: 'tensor b', rule: 'offset', stated: 0, allowed: 32 },
    ],
    [
      'puts data beyond the file',
      edited('\x01\x00\x00\x00\x00\x00\x00\x00b', 12, [200]),
      { item: 'tensor b', rule: 'beyondFile', stated: 7056, allowed: 352 },
    ],
  ];
  for (const [what, bytes, facts] of lies)
    it(`refuses a file that ${what}`, () => {
      const found = refusal(bytes);
      assert.equal(found.name, 'GgufInvalid');
      assert.deepEqual(found.facts, { file: 'x.gguf', ...facts });
    });

  it('refuses a tensor or a key that comes twice', () => {
    const twice = encodeGguf({ metadata, tensors: [ones('a', 'F32', [3], 12), ones('a', 'F32', [3], 12)] });
    assert.deepEqual(refusal(twice).facts, {
      file: 'x.gguf',
      item: 'tensor a',
      rule: 'duplicate',
      stated: 2,
      allowed: 1,
    });
    assert.equal(refusal(edited('\x04\x00\x00\x00\x00\x00\x00\x00', 0, [0x66, 0x6c, 0x61, 0x67])).name, 'GgufInvalid');
  });

  it('names the type of a tensor that it does not read', () => {
    const { name, facts } = refusal(edited('\x01\x00\x00\x00\x00\x00\x00\x00b', 20, [14]));
    assert.equal(name, 'GgufTypeUnsupported');
    assert.equal(facts.type, 'Q6_K');
  });

  it('refuses an alignment that is no power of two', () => {
    const crooked = new Map<string, GgufValue>([['general.alignment', { type: 'uint32', value: 24 }]]);
    assert.equal(refusal(encodeGguf({ metadata: crooked, tensors: [] })).facts.item, 'general.alignment');
  });

  it('says when the data of a tensor have gone since the header was read', async () => {
    const path = join(folder, 'cut.gguf');
    await writeFile(path, small());
    const tensor = (await readGguf(path)).tensors.get('b')!;
    await writeFile(path, small().subarray(0, tensor.offset + 10));
    await assert.rejects(readGgufTensor(path, tensor), { name: 'GgufInvalid' });
    await assert.rejects(readGguf(join(folder, 'none')), { name: 'BaseMissing' });
  });
});

describe('writing GGUF', () => {
  it('writes what gguf-py wrote, byte for byte', async () => {
    const gguf = await readGguf(golden('types.gguf'));
    const file = new Uint8Array(await readFile(gguf.path));
    const tensors = [...gguf.tensors.values()].map(({ name, type, shape, offset, bytes }) => ({
      name,
      type,
      shape,
      data: file.subarray(offset, offset + bytes),
    }));
    assert.deepEqual(encodeGguf({ metadata: gguf.metadata, tensors }), file);
  });

  it('refuses data that do not fit their declaration', () => {
    assert.throws(() => encodeGguf({ metadata, tensors: [ones('a', 'Q4_0', [32], 17)] }), /needs 18/);
  });
});
