import { createHash, createHmac } from 'node:crypto';
import type { Credentials } from '../../worker/store/connection.js';

/** A signer of its own for tests of the server: written from the documentation of Signature Version 4, not from our code. */
export interface SignedHeaders {
  readonly method: string;
  /** Already percent-encoded; a query in canonical order. */
  readonly path: string;
  readonly host: string;
  readonly credentials: Credentials;
  readonly payloadHash: string;
  readonly time: Date;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface SignedRequest {
  readonly headers: Record<string, string>;
  readonly signature: string;
  readonly signText: (text: string) => string;
  readonly stamp: string;
  readonly scope: string;
}

export function signed(request: SignedHeaders): SignedRequest {
  const stamp = request.time.toISOString().replace(/[-:]|\.\d+/g, '');
  const day = stamp.slice(0, 8);
  const scope = `${day}/us-east-1/s3/aws4_request`;
  const headers: Record<string, string> = {
    host: request.host,
    'x-amz-content-sha256': request.payloadHash,
    'x-amz-date': stamp,
    ...request.headers,
  };
  const names = Object.keys(headers).sort();
  const [path = '', query = ''] = request.path.split('?');
  const canonical = [
    request.method,
    // What S3 sees is the decoded key, encoded once.
    path
      .split('/')
      .map((part) => encodeURIComponent(decodeURIComponent(part)))
      .join('/'),
    query,
    ...names.map((name) => `${name}:${headers[name]}`),
    '',
    names.join(';'),
    request.payloadHash,
  ].join('\n');
  let key = hmac(`AWS4${request.credentials.secretAccessKey}`, day);
  for (const part of ['us-east-1', 's3', 'aws4_request']) key = hmac(key, part);
  const signText = (text: string) => hmac(key, text).toString('hex');
  const signature = signText(['AWS4-HMAC-SHA256', stamp, scope, sha256(canonical)].join('\n'));
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${request.credentials.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
  return { headers, signature, signText, stamp, scope };
}

export interface ChunkedBody {
  readonly request: SignedRequest;
  readonly content: Uint8Array;
  readonly chunkBytes: number;
  readonly trailer: readonly [string, string];
  /** Which signature to spoil. */
  readonly damage: 'chunk' | 'trailer' | undefined;
}

/** STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER. */
export function chunkedBody({ request, content, chunkBytes, trailer, damage }: ChunkedBody): Uint8Array {
  const parts: Uint8Array[] = [];
  let previous = request.signature;
  for (
    let at = 0;
    at <= content.byteLength;
    at = at === content.byteLength ? at + 1 : Math.min(at + chunkBytes, content.byteLength)
  ) {
    const chunk = content.subarray(at, Math.min(at + chunkBytes, content.byteLength));
    const text = ['AWS4-HMAC-SHA256-PAYLOAD', request.stamp, request.scope, previous, sha256(''), sha256(chunk)];
    previous = request.signText(text.join('\n'));
    const shown = damage === 'chunk' && at > 0 ? spoil(previous) : previous;
    parts.push(Buffer.from(`${chunk.byteLength.toString(16)};chunk-signature=${shown}\r\n`), chunk);
    if (chunk.byteLength > 0) parts.push(Buffer.from('\r\n'));
  }
  const line = `${trailer[0]}:${trailer[1]}`;
  const text = ['AWS4-HMAC-SHA256-TRAILER', request.stamp, request.scope, previous, sha256(`${line}\n`)];
  const signature = request.signText(text.join('\n'));
  parts.push(
    Buffer.from(`${line}\r\nx-amz-trailer-signature:${damage === 'trailer' ? spoil(signature) : signature}\r\n\r\n`),
  );
  return Buffer.concat(parts);
}

const spoil = (hex: string): string => (hex.startsWith('0') ? '1' : '0') + hex.slice(1);
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');
