import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { refuse } from './failure.js';
import { chunkSignature, equal, type SigningContext, trailerSignature } from './signature.js';

/** No chunk of ours or of the SDK comes near this; a larger one is a lie or an attack. */
const mostChunkBytes = 64 << 20;
const mostLineBytes = 4096;

/** Running checks of a body: what the request says of its bytes must hold when they have all passed. */
interface Check {
  update(chunk: Uint8Array): void;
  /** Base64 or hex, as `expected` is written. */
  digest(): string;
}

const checksums: Readonly<Record<string, () => Check>> = {
  'x-amz-checksum-crc32': () => {
    let value = 0;
    return {
      update: (chunk) => {
        value = crc32(chunk, value);
      },
      digest: () => {
        const bytes = Buffer.alloc(4);
        bytes.writeUInt32BE(value);
        return bytes.toString('base64');
      },
    };
  },
  'x-amz-checksum-sha1': () => hashCheck('sha1', 'base64'),
  'x-amz-checksum-sha256': () => hashCheck('sha256', 'base64'),
};

function hashCheck(algorithm: string, encoding: 'base64' | 'hex'): Check {
  const hash = createHash(algorithm);
  return { update: (chunk) => void hash.update(chunk), digest: () => hash.digest(encoding) };
}

/**
 * The object's bytes out of a request: aws-chunked framing undone, signatures of chunks, trailing and leading checksums
 * (CRC32, SHA-1, SHA-256, Content-MD5), the declared SHA-256 and the length checked. Throws before its end when one is wrong.
 */
export async function* payload(
  request: IncomingMessage,
  signing: SigningContext,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { headers } = request;
  const declared = String(headers['x-amz-content-sha256']);
  const streaming = declared.startsWith('STREAMING-');
  const trailers = new Map<string, string>();
  // Not destroyed when a check fails half-way: the answer still has to go out on the same connection.
  const raw = request.iterator({ destroyOnReturn: false });
  const chunks = streaming ? awsChunks(raw, declared, signing, trailers) : raw;
  const expected = new Map<string, string>();
  for (const name of Object.keys(checksums)) if (typeof headers[name] === 'string') expected.set(name, headers[name]);
  const trailing = streaming ? String(headers['x-amz-trailer'] ?? '').toLowerCase() : '';
  const running = new Map<string, Check>();
  for (const name of [...expected.keys(), trailing].filter((one) => one !== ''))
    running.set(name, (checksums[name] ?? refuse(501, 'NotImplemented', `${name} is not computed here`))());
  if (typeof headers['content-md5'] === 'string') {
    expected.set('content-md5', headers['content-md5']);
    running.set('content-md5', hashCheck('md5', 'base64'));
  }
  if (!streaming && declared !== 'UNSIGNED-PAYLOAD') {
    expected.set('x-amz-content-sha256', declared);
    running.set('x-amz-content-sha256', hashCheck('sha256', 'hex'));
  }
  let sizeBytes = 0;
  for await (const chunk of chunks as AsyncIterable<Uint8Array>) {
    sizeBytes += chunk.byteLength;
    for (const check of running.values()) check.update(chunk);
    yield chunk;
  }
  const length = headers[streaming ? 'x-amz-decoded-content-length' : 'content-length'];
  if (length !== undefined && Number(length) !== sizeBytes)
    refuse(400, 'IncompleteBody', `${sizeBytes} bytes came instead of ${length}`);
  if (trailing)
    expected.set(trailing, trailers.get(trailing) ?? refuse(400, 'MalformedTrailerError', `${trailing} is missing`));
  for (const [name, check] of running) {
    if (check.digest() === expected.get(name)) continue;
    if (name === 'x-amz-content-sha256')
      refuse(400, 'XAmzContentSHA256Mismatch', 'the body is not the one that was signed');
    refuse(400, 'BadDigest', `the body does not match its ${name}`);
  }
}

/** `size;chunk-signature=...\r\n bytes \r\n` ... `0;...\r\n` trailers `\r\n` */
async function* awsChunks(
  body: AsyncIterable<Uint8Array>,
  mode: string,
  signing: SigningContext,
  trailers: Map<string, string>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const signed = mode.startsWith('STREAMING-AWS4-HMAC-SHA256-PAYLOAD');
  const trailed = mode.endsWith('-TRAILER');
  if (!signed && mode !== 'STREAMING-UNSIGNED-PAYLOAD-TRAILER')
    refuse(501, 'NotImplemented', `${mode} is not spoken here`);
  const reader = byteReader(body);
  let previous = signing.signature;
  while (true) {
    const line = await reader.line();
    const [sizeText = '', extension = ''] = line.split(';');
    const size = /^[0-9a-f]{1,8}$/i.test(sizeText) ? Number.parseInt(sizeText, 16) : Number.NaN;
    if (!(size <= mostChunkBytes)) refuse(400, 'InvalidRequest', 'a chunk of the body has no size or too large a one');
    const chunk = await reader.bytes(size);
    if (signed) {
      const expected = chunkSignature(signing, previous, chunk);
      if (!equal(extension.replace('chunk-signature=', ''), expected))
        refuse(403, 'SignatureDoesNotMatch', 'the signature of a chunk is wrong');
      previous = expected;
    }
    if (size === 0) break;
    if ((await reader.line()) !== '') refuse(400, 'IncompleteBody', 'a chunk is longer than its size says');
    yield chunk;
  }
  if (trailed) await readTrailers(reader, signed ? { ...signing, signature: previous } : undefined, trailers);
  await reader.end();
}

async function readTrailers(
  reader: ByteReader,
  signing: SigningContext | undefined,
  trailers: Map<string, string>,
): Promise<void> {
  const lines: string[] = [];
  let signature: string | undefined;
  for (let line = await reader.line(); line !== ''; line = await reader.line()) {
    if (lines.length > 16) refuse(400, 'MalformedTrailerError', 'too many trailing headers');
    const at = line.indexOf(':');
    const name = line.slice(0, at).trim().toLowerCase();
    const value = line.slice(at + 1).trim();
    if (name === 'x-amz-trailer-signature') signature = value;
    else {
      trailers.set(name, value);
      lines.push(`${name}:${value}\n`);
    }
    if (reader.done()) break;
  }
  if (signing && !equal(signature ?? '', trailerSignature(signing, signing.signature, lines.join(''))))
    refuse(403, 'SignatureDoesNotMatch', 'the signature of the trailing headers is wrong');
}

interface ByteReader {
  /** Up to and without the next CRLF; what is left when the body ends without one. */
  line(): Promise<string>;
  bytes(count: number): Promise<Uint8Array>;
  done(): boolean;
  /** Reads what may follow, so that the connection can be used again. */
  end(): Promise<void>;
}

function byteReader(source: AsyncIterable<Uint8Array>): ByteReader {
  const chunks = source[Symbol.asyncIterator]();
  let held = Buffer.alloc(0);
  let ended = false;
  const more = async () => {
    const next = await chunks.next();
    if (next.done) ended = true;
    else held = Buffer.concat([held, next.value]);
  };
  const take = (count: number) => {
    const taken = held.subarray(0, count);
    held = held.subarray(count);
    return taken;
  };
  return {
    async line() {
      while (true) {
        const at = held.indexOf('\r\n');
        if (at >= 0) return take(at + 2).toString('latin1', 0, at);
        if (ended) return take(held.byteLength).toString('latin1');
        if (held.byteLength > mostLineBytes) refuse(400, 'InvalidRequest', 'a line of the body is too long');
        await more();
      }
    },
    async bytes(count) {
      // Concatenating once: a chunk of megabytes arrives in many small reads.
      const parts = [held];
      let size = held.byteLength;
      while (size < count) {
        const next = await chunks.next();
        if (next.done) refuse(400, 'IncompleteBody', 'the body ends inside a chunk');
        parts.push(next.value as Buffer<ArrayBuffer>);
        size += (next.value as Uint8Array).byteLength;
      }
      held = Buffer.concat(parts);
      return take(count);
    },
    done: () => ended && held.byteLength === 0,
    async end() {
      while (!ended) await more();
    },
  };
}
