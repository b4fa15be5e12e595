import { crc32 } from 'node:zlib';
import { refuse } from './failure.js';

/** `bytes=a-b`, `bytes=a-` or `bytes=-n` of an object, end exclusive; undefined without the header. */
export function rangeOf(header: string | undefined, sizeBytes: number): { start: number; end: number } | undefined {
  if (header === undefined) return undefined;
  const [, first = '', last = ''] =
    /^bytes=(\d*)-(\d*)$/.exec(header) ?? refuse(501, 'NotImplemented', 'only a single range of bytes is spoken here');
  const start = first === '' ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === '' || last === '' ? sizeBytes : Math.min(sizeBytes, Number(last) + 1);
  if (start >= end) refuse(416, 'InvalidRange', 'the range begins behind the last byte');
  return { start, end };
}

/** CRC-32 of a stream as S3 writes it: four bytes, big endian, base64. */
export async function crc32Of(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  let value = 0;
  for await (const chunk of chunks) value = crc32(chunk, value);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}
