import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import fc from 'fast-check';
import { EspalierError } from '../../../api/errors.js';
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from './half.js';
import { parseHeader, readSafetensorsHeader, readTensor, readTensorAsFloat32 } from './read.js';
import { encodeSafetensors, writeSafetensors } from './write.js';

const folder = await mkdtemp(join(tmpdir(), 'espalier-safetensors-'));
after(() => rm(folder, { recursive: true }));

const file = (header: unknown, data = 0): Uint8Array => {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.byteLength + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.byteLength), true);
  bytes.set(text, 8);
  return bytes;
};

async function refused(bytes: Uint8Array): Promise<Record<string, unknown>> {
  const path = join(folder, 'lying.safetensors');
  await writeFile(path, bytes);
  const error = await readSafetensorsHeader(path).then(
    () => assert.fail('accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(EspalierError.is(error, 'SafetensorsInvalid'), String(error));
  const { file: _file, ...facts } = error.facts;
  return facts;
}

const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('reading a safetensors header', () => {
  const lies: readonly [string, Uint8Array, object][] = [
    ['is shorter than its length prefix', new Uint8Array(5), { tensor: null, rule: 'tooShort', stated: 5, allowed: 8 }],
    [
      'claims a header beyond the file',
      file('{}').subarray(0, 9),
      { tensor: null, rule: 'headerLength', stated: 2, allowed: 1 },
    ],
    [
      'names an unknown dtype',
      file({ a: { ...f32(0, 4), dtype: 'F4' } }, 4),
      { tensor: 'a', rule: 'dtype', stated: '"F4"', allowed: 'F64, I64, F32, I32, F16, BF16, I8, U8, BOOL' },
    ],
    [
      'has a negative size',
      file({ a: { ...f32(0, 4), shape: [-1] } }, 4),
      { tensor: 'a', rule: 'shape', stated: '[-1]', allowed: 'a list of sizes >= 0' },
    ],
    [
      'has a shape beyond all memory',
      file({ a: { ...f32(0, 4), shape: [2 ** 40, 2 ** 40] } }, 4),
      { tensor: 'a', rule: 'shape', stated: '[1099511627776,1099511627776]', allowed: 'fewer than 2^53 bytes' },
    ],
    [
      'has one offset',
      file({ a: { ...f32(0, 4), data_offsets: [0] } }, 4),
      { tensor: 'a', rule: 'offsets', stated: '[0]', allowed: 'two offsets >= 0' },
    ],
    [
      'has offsets that do not fit the shape',
      file({ a: f32(0, 8, [1]) }, 8),
      { tensor: 'a', rule: 'bytes', stated: 8, allowed: '4 (F32 [1])' },
    ],
    [
      'has offsets the wrong way round',
      file({ a: f32(8, 4, [1]) }, 8),
      { tensor: 'a', rule: 'bytes', stated: -4, allowed: '4 (F32 [1])' },
    ],
    [
      'lets tensors overlap',
      file({ a: f32(0, 8), b: f32(4, 12) }, 12),
      { tensor: 'b', rule: 'overlap', stated: 4, allowed: 8 },
    ],
    ['leaves a gap', file({ a: f32(0, 4), b: f32(8, 12) }, 12), { tensor: 'b', rule: 'gap', stated: 8, allowed: 4 }],
    ['was cut off', file({ a: f32(0, 8) }, 7), { tensor: 'a', rule: 'beyondFile', stated: 70, allowed: 69 }],
    ['has bytes nobody claims', file({ a: f32(0, 8) }, 9), { tensor: null, rule: 'trailing', stated: 71, allowed: 70 }],
    [
      'has a field of its own',
      file({ a: { ...f32(0, 4), more: 1 } }, 4),
      { tensor: 'a', rule: 'entry', stated: '"more"', allowed: 'dtype, shape and data_offsets only' },
    ],
    [
      'has numbers as metadata',
      file({ __metadata__: { a: 1 } }),
      { tensor: null, rule: 'metadata', stated: '{"a":1}', allowed: 'text values' },
    ],
  ];
  for (const [what, bytes, facts] of lies)
    it(`refuses a file that ${what}`, async () => {
      assert.deepEqual(await refused(bytes), facts);
    });

  it('refuses a header that is not JSON, or not UTF-8', async () => {
    assert.equal((await refused(file('{"a":'))).rule, 'headerJson');
    assert.equal((await refused(file('[]'))).rule, 'headerJson');
    const bytes = file('{"\u00e9":1}');
    bytes[10] = 0xff;
    assert.equal((await refused(bytes)).rule, 'headerJson');
  });

  it('never accepts a file whose tensors do not tile its data exactly', () => {
    const entry = fc.record({ shape: fc.array(fc.nat(4), { maxLength: 3 }), begin: fc.nat(40), end: fc.nat(60) });
    const files = fc.record({
      entries: fc.dictionary(fc.string({ maxLength: 3 }), entry, { maxKeys: 4 }),
      data: fc.nat(60),
    });
    fc.assert(
      fc.property(files, ({ entries, data }) => {
        const json = Object.fromEntries(
          Object.entries(entries).map(([name, { shape, begin, end }]) => [name, f32(begin, end, shape)]),
        );
        const header = new TextEncoder().encode(JSON.stringify(json));
        const size = 8 + header.byteLength + data;
        try {
          const { tensors, dataStart } = parseHeader('x', size, header);
          const covered = new Uint8Array(data);
          for (const { offset, bytes, shape } of tensors.values()) {
            assert.equal(bytes, 4 * shape.reduce((a, b) => a * b, 1));
            for (let at = offset; at < offset + bytes; at++) covered[at - dataStart]! += 1;
          }
          assert.ok(covered.every((count) => count === 1));
        } catch (error) {
          assert.ok(EspalierError.is(error, 'SafetensorsInvalid'), String(error));
        }
      }),
      { numRuns: 2000, seed: 5 },
    );
  });

  it('says when there is no file', async () => {
    await assert.rejects(readSafetensorsHeader(join(folder, 'none')), { name: 'BaseMissing' });
  });
});

describe('writing safetensors', () => {
  const tensors = [
    { name: 'b', dtype: 'F32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) },
    { name: 'a', dtype: 'I64', shape: [], data: BigInt64Array.of(-7n) },
    { name: 'B', dtype: 'BOOL', shape: [0], data: new Uint8Array(0) },
    { name: 'c', dtype: 'BF16', shape: [2], data: Uint16Array.of(0x3f80, 0xc000) },
  ] as const;

  it('puts metadata first, names in code-unit order, and data at a multiple of 64', async () => {
    const bytes = encodeSafetensors({ tensors, metadata: { format: 'pt', a: 'x' } });
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    assert.equal((8 + length) % 64, 0);
    const text = new TextDecoder().decode(bytes.subarray(8, 8 + length));
    assert.match(text, /^\{"__metadata__":\{"a":"x","format":"pt"\},"B":.*"a":.*"b":.*"c":.*\} *$/);
  });

  it('reads back what it wrote, streamed or whole, with equal bytes', async () => {
    const path = join(folder, 'out.safetensors');
    const data = new Map(tensors.map((tensor) => [tensor.name as string, tensor.data]));
    const asked: string[] = [];
    const produce = ({ name }: { name: string }) => {
      asked.push(name);
      return data.get(name)!;
    };
    await writeSafetensors(path, tensors, produce, { metadata: { format: 'pt' } });
    assert.deepEqual(new Uint8Array(await readFile(path)), encodeSafetensors({ tensors, metadata: { format: 'pt' } }));
    assert.deepEqual(asked, ['B', 'a', 'b', 'c']);
    const header = await readSafetensorsHeader(path);
    assert.deepEqual(header.metadata, { format: 'pt' });
    assert.deepEqual(await readTensor(path, header.tensors.get('b')!), tensors[0].data);
    assert.deepEqual(await readTensor(path, header.tensors.get('a')!), tensors[1].data);
    assert.deepEqual(await readTensorAsFloat32(path, header.tensors.get('c')!), Float32Array.of(1, -2));
    await assert.rejects(readTensorAsFloat32(path, header.tensors.get('a')!), { name: 'SafetensorsInvalid' });
  });

  it('leaves nothing behind when a tensor cannot be had', async () => {
    const path = join(folder, 'failed.safetensors');
    await assert.rejects(
      writeSafetensors(path, tensors, () => Promise.reject(new Error('gone'))),
      /gone/,
    );
    await assert.rejects(
      writeSafetensors(path, tensors, () => new Uint8Array(1)),
      /has 1 bytes/,
    );
    assert.deepEqual(
      (await readdir(folder)).filter((name) => name.startsWith('failed')),
      [],
    );
  });
});

describe('half precision', () => {
  it('turns every binary16 into float32 and back', () => {
    const all = Uint16Array.from({ length: 65_536 }, (_, half) => half);
    const back = float32ToFloat16(float16ToFloat32(all));
    for (const half of all) {
      const isNan = (half & 0x7fff) > 0x7c00;
      assert.equal(back[half], isNan ? (half & 0x8000) | 0x7e00 : half);
    }
  });

  it('rounds to the nearest binary16, ties to even', () => {
    const given = Float32Array.of(2049, 2051, 65519, 65520, 2 ** -25, 1.5 * 2 ** -25, -(2 ** -24), 0.1, -0);
    assert.deepEqual(
      [...float16ToFloat32(float32ToFloat16(given))],
      [2048, 2052, 65504, Number.POSITIVE_INFINITY, 0, 2 ** -24, -(2 ** -24), 0.0999755859375, -0],
    );
  });

  it('rounds to the nearest bfloat16, ties to even, and keeps NaN', () => {
    const given = Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.39e38, -1.5, Number.NaN);
    assert.deepEqual(
      [...bfloat16ToFloat32(float32ToBfloat16(given))],
      [1, 1 + 2 ** -6, 3.3895313892515355e38, -1.5, Number.NaN],
    );
  });
});
