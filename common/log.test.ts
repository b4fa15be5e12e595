import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lineSink } from './log.js';

/** A file on a disk with room for so many bytes. */
function aFile(roomBytes: number) {
  const file = { text: '', roomBytes };
  const write = (_fd: number, bytes: NodeJS.ArrayBufferView, from: number): number => {
    const wanted = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).subarray(from);
    if (file.roomBytes === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const part = wanted.subarray(0, file.roomBytes);
    file.text += part.toString();
    file.roomBytes -= part.length;
    return part.length;
  };
  return { file, sink: lineSink(0, write as never, () => 0) };
}

test('lines for which a disk has no room are counted, and the count is told when it has room again', () => {
  const { file, sink } = aFile(9);
  for (const line of ['first\n', 'second\n', 'third\n']) sink(line);
  file.roomBytes = 1000;
  sink('fourth\n');
  sink('fifth\n');
  assert.deepEqual(file.text.split('\n'), [
    'first',
    'sec',
    '{"time":"1970-01-01T00:00:00.000Z","level":"warn","message":"lines found no room","lost":2}',
    'fourth',
    'fifth',
    '',
  ]);
});
