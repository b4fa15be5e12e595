import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { WireWriter } from './wire.js';

describe('the protobuf writer', () => {
  it('is read back by another implementation', () => {
    const numbers = [0, 1, 127, 128, 300, 2 ** 31, 2 ** 40 + 5, Number.MAX_SAFE_INTEGER, -1, -(2 ** 33)];
    const writer = new WireWriter();
    for (const number of numbers) writer.int(1, number);
    writer.text(2, 'héllo').float(3, 0.1).packedInts(4, numbers);
    writer.message(5, (inner) => inner.int(1, 7));
    const reader = new BinaryReader(writer.finish());
    for (const number of numbers) {
      assert.deepEqual(reader.tag(), [1, 0]);
      assert.equal(Number(reader.int64()), number);
    }
    assert.deepEqual([reader.tag(), reader.string()], [[2, 2], 'héllo']);
    assert.deepEqual([reader.tag(), reader.float()], [[3, 5], Math.fround(0.1)]);
    assert.deepEqual(reader.tag(), [4, 2]);
    const packed = new BinaryReader(reader.bytes());
    assert.deepEqual(
      numbers.map(() => Number(packed.int64())),
      numbers,
    );
    assert.deepEqual(
      [reader.tag(), [...reader.bytes()]],
      [
        [5, 2],
        [8, 7],
      ],
    );
    assert.equal(reader.pos, reader.len);
  });
});
