import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import type { Body } from './store.js';

const chunkBytes = 1 << 20;

export async function bodySize(body: Body): Promise<number> {
  return body instanceof Uint8Array ? body.byteLength : (await stat(body.file)).size;
}

/** The body from `start` (inclusive) to `end` (exclusive) in chunks of at most 1 MiB; never more than one in memory. */
export async function* bodyChunks(
  body: Body,
  start = 0,
  end = Number.POSITIVE_INFINITY,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (body instanceof Uint8Array) {
    const stop = Math.min(end, body.byteLength);
    for (let at = start; at < stop; at += chunkBytes) yield body.subarray(at, Math.min(at + chunkBytes, stop));
    return;
  }
  const file = await open(body.file, 'r');
  try {
    for (let at = start; at < end; ) {
      const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, end - at));
      const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, at);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

/** One part of the body as a single buffer. */
export async function bodyPart(body: Body, start: number, end: number): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body.subarray(start, end);
  return collect(bodyChunks(body, start, end));
}

/** Whether what a store holds is this body, compared by SHA-256 without holding either whole. */
export async function sameContent(body: Body, stored: AsyncIterable<Uint8Array>): Promise<boolean> {
  return (await digest(bodyChunks(body))) === (await digest(stored));
}

async function digest(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest('hex');
}

/** All bytes of a stream; for objects that are known to be small. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}
