import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TextDecoder } from 'node:util';
import { createGunzip } from 'node:zlib';
import { fail } from '../../api/errors.js';
import type { OpenSource } from './dataset.js';

/** Longest line read. A longer one is not a row but a file of another kind. */
export const lineLimitBytes = 4 * 2 ** 20;

/** Opens paths relative to `directory` (the job file's), and URLs by the opener of their scheme, e.g. `{ s3 }`. */
export function createOpener(directory: string, schemes: Readonly<Record<string, OpenSource>> = {}): OpenSource {
  return (source, signal) => {
    const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(source)?.[1]?.toLowerCase();
    if (scheme === undefined) return openLocal(resolve(directory, source), signal);
    const open = schemes[scheme];
    return open ? open(source, signal) : fail('SourceUnsupported', { source });
  };
}

async function openLocal(path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  });
  if (!found?.isFile()) return fail('DataMissing', { source: path });
  return createReadStream(path, { signal, highWaterMark: 1 << 18 });
}

export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

export interface SourceIdentity {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** The lines of a JSONL source, gunzipped where it begins as gzip; returns what the stored bytes were. Blank lines are skipped. */
export async function* readLines(
  source: string,
  open: OpenSource,
  signal: AbortSignal,
): AsyncGenerator<Line, SourceIdentity> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const stored = await open(source, signal);
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of stored) {
      signal.throwIfAborted();
      hash.update(chunk);
      sizeBytes += chunk.byteLength;
      yield chunk;
    }
  }
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let number = 0;
  for await (const bytes of splitLines(unpacked(source, counted(), signal), source)) {
    number++;
    const text = decodeLine(decoder, bytes, source, number);
    if (text.trim() !== '') yield { number, text };
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}

function decodeLine(decoder: TextDecoder, bytes: Uint8Array, source: string, line: number): string {
  try {
    const text = decoder.decode(bytes);
    return line === 1 && text.startsWith('\ufeff') ? text.slice(1) : text;
  } catch (error) {
    return fail('DataNotUtf8', { source, line }, { cause: error });
  }
}

async function* splitLines(chunks: AsyncIterable<Uint8Array>, source: string): AsyncGenerator<Uint8Array> {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;
  let line = 1;
  const keep = (part: Uint8Array) => {
    pending.push(part);
    pendingBytes += part.byteLength;
    if (pendingBytes > lineLimitBytes) fail('DataLineTooLong', { source, line, limitBytes: lineLimitBytes });
  };
  for await (const chunk of chunks) {
    let from = 0;
    for (let to = chunk.indexOf(0x0a); to >= 0; to = chunk.indexOf(0x0a, from)) {
      keep(chunk.subarray(from, to));
      yield Buffer.concat(pending);
      pending = [];
      pendingBytes = 0;
      line++;
      from = to + 1;
    }
    if (from < chunk.byteLength) keep(chunk.subarray(from));
  }
  if (pendingBytes > 0) yield Buffer.concat(pending);
}

/** Decides by the first two bytes (1f 8b, RFC 1952), so a renamed file is read for what it is. */
async function* unpacked(
  source: string,
  chunks: AsyncGenerator<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0);
  while (head.byteLength < 2) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    if (head.byteLength > 0) yield head;
    yield* chunks;
  }
  if (head[0] !== 0x1f || head[1] !== 0x8b) {
    if (source.endsWith('.gz') && head.byteLength > 0)
      fail('DataCompressionBroken', { source, problem: 'it does not begin as gzip does' });
    yield* whole();
    return;
  }
  const gunzip = createGunzip();
  const piped = pipeline(Readable.from(whole()), gunzip, { signal });
  piped.catch(() => {}); // the same error reaches the loop below
  try {
    for await (const chunk of gunzip) yield chunk as Uint8Array;
    await piped;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_')) fail('DataCompressionBroken', { source, problem: message }, { cause: error });
    throw error;
  }
}
