import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { crc32, createInflateRaw } from 'node:zlib';
import { fail } from '../../../api/errors.js';
import { readInto } from '../safetensors/bytes.js';

interface ZipEntry {
  readonly method: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly sizeBytes: number;
  readonly headerOffset: number;
}

/** Writes one entry of a zip archive (stored or deflated, no zip64) to `target`, checking its CRC and size. */
export async function extractEntry(archive: string, name: string, target: string): Promise<void> {
  const entry = await findEntry(archive, name);
  const start = await dataStart(archive, entry);
  let crc = 0;
  let size = 0;
  const check = async function* (chunks: AsyncIterable<Uint8Array>) {
    for await (const chunk of chunks) {
      crc = crc32(chunk, crc);
      size += chunk.byteLength;
      yield chunk;
    }
  };
  const packed = createReadStream(archive, { start, end: start + entry.packedBytes - 1 });
  if (entry.method === 0) await pipeline(packed, check, createWriteStream(target));
  else if (entry.method === 8)
    await pipeline(packed, createInflateRaw(), check, createWriteStream(target)).catch((cause) =>
      broken(archive, name, String(cause)),
    );
  else broken(archive, name, `compression method ${entry.method}`);
  if (crc !== entry.crc || size !== entry.sizeBytes) broken(archive, name, `CRC ${crc}, ${size} bytes`);
}

const broken = (archive: string, name: string, found: string): never =>
  fail('DownloadCorrupt', { file: `${archive}/${name}`, expected: 'a whole zip entry', found });

/** The central directory (PKWARE APPNOTE 4.3.12) lists every entry; its end record closes the file. */
async function findEntry(archive: string, name: string): Promise<ZipEntry> {
  const handle = await open(archive, 'r');
  try {
    const { size } = await handle.stat();
    const tail = Buffer.alloc(Math.min(size, 65_557));
    await readInto(handle, tail, size - tail.byteLength);
    const end = tail.lastIndexOf('PK\x05\x06', undefined, 'latin1');
    if (end < 0 || end + 22 > tail.byteLength) return broken(archive, name, 'no end record');
    const directory = Buffer.alloc(tail.readUInt32LE(end + 12));
    await readInto(handle, directory, tail.readUInt32LE(end + 16));
    for (let at = 0; at + 46 <= directory.byteLength; ) {
      const nameBytes = directory.readUInt16LE(at + 28);
      if (directory.toString('utf8', at + 46, at + 46 + nameBytes) === name)
        return {
          method: directory.readUInt16LE(at + 10),
          crc: directory.readUInt32LE(at + 16),
          packedBytes: directory.readUInt32LE(at + 20),
          sizeBytes: directory.readUInt32LE(at + 24),
          headerOffset: directory.readUInt32LE(at + 42),
        };
      at += 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
    }
    return fail('BaseMissing', { source: `${archive}/${name}` });
  } finally {
    await handle.close();
  }
}

/** The local header repeats the name and has extra fields of its own length. */
async function dataStart(archive: string, { headerOffset }: ZipEntry): Promise<number> {
  const handle = await open(archive, 'r');
  try {
    const header = Buffer.alloc(30);
    await readInto(handle, header, headerOffset);
    return headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
  } finally {
    await handle.close();
  }
}
