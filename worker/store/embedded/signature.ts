import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Credentials } from '../connection.js';
import { refuse } from './failure.js';

/** What of a verified request its chunks' signatures build on. */
export interface SigningContext {
  readonly key: Buffer;
  /** `20260131T120000Z` */
  readonly time: string;
  /** `20260131/region/s3/aws4_request` */
  readonly scope: string;
  readonly signature: string;
}

export interface SignedRequest {
  readonly method: string;
  /** Path as sent, still percent-encoded. */
  readonly path: string;
  /** Query as sent, without `?`. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
}

const skewMs = 15 * 60_000;
const emptyHash = createHash('sha256').digest('hex');

/**
 * AWS Signature Version 4 in the Authorization header: HMAC-SHA-256 over the canonical request, with a key derived from
 * the secret, day, region and service. Anything but a right signature is refused as S3 refuses it.
 */
export function verifySignature(request: SignedRequest, credentials: Credentials, nowMs: number): SigningContext {
  const { headers } = request;
  const authorization = headers.authorization ?? refuse(403, 'AccessDenied', 'the request is not signed');
  const match =
    /^AWS4-HMAC-SHA256 Credential=([^/,]+)\/(\d{8}\/[^/,]+\/s3\/aws4_request), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    );
  if (!match) refuse(400, 'AuthorizationHeaderMalformed', 'only AWS4-HMAC-SHA256 for s3 is spoken here');
  const [, accessKeyId, scope = '', signedHeaders = '', signature = ''] = match!;
  if (accessKeyId !== credentials.accessKeyId) refuse(403, 'InvalidAccessKeyId', 'there is no such access key');
  const time = String(headers['x-amz-date'] ?? '');
  checkTime(time, scope, nowMs);
  const names = signedHeaders.split(';');
  if (!names.includes('host')) refuse(403, 'AccessDenied', 'the host header is not signed');
  // Every amz header takes part, or a man in the middle could add one.
  const unsigned = Object.keys(headers).filter((name) => name.startsWith('x-amz-') && !names.includes(name));
  if (unsigned.length > 0) refuse(403, 'AccessDenied', `headers are not signed: ${unsigned.join(', ')}`);
  const canonical = canonicalRequest(request, names);
  const key = signingKey(credentials.secretAccessKey, scope);
  const expected = hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256Hex(canonical)].join('\n')).toString('hex');
  if (!equal(expected, signature)) refuse(403, 'SignatureDoesNotMatch', 'the signature is not the one of this request');
  return { key, time, scope, signature };
}

/** Signature of one chunk of an aws-chunked body; each builds on the one before. */
export function chunkSignature({ key, time, scope }: SigningContext, previous: string, chunk: Uint8Array): string {
  const text = ['AWS4-HMAC-SHA256-PAYLOAD', time, scope, previous, emptyHash, sha256Hex(chunk)];
  return hmac(key, text.join('\n')).toString('hex');
}

/** Signature of the trailing headers of an aws-chunked body. */
export function trailerSignature({ key, time, scope }: SigningContext, previous: string, trailers: string): string {
  const text = ['AWS4-HMAC-SHA256-TRAILER', time, scope, previous, sha256Hex(trailers)];
  return hmac(key, text.join('\n')).toString('hex');
}

export const equal = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));

function checkTime(time: string, scope: string, nowMs: number): void {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(time);
  if (!match) refuse(403, 'AccessDenied', 'x-amz-date is missing or malformed');
  const [year, month, day, hour, minute, second] = match!.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (Math.abs(Date.UTC(year, month - 1, day, hour, minute, second) - nowMs) > skewMs)
    refuse(403, 'RequestTimeTooSkewed', 'the time of the request and that of the server are too far apart');
  if (!scope.startsWith(time.slice(0, 8)))
    refuse(403, 'AccessDenied', 'the day of the scope is not that of the request');
}

function canonicalRequest({ method, path, query, headers }: SignedRequest, names: readonly string[]): string {
  const lines = names.map((name) => `${name}:${collapse(headers[name])}\n`);
  const payload = String(
    headers['x-amz-content-sha256'] ?? refuse(400, 'InvalidRequest', 'x-amz-content-sha256 is missing'),
  );
  return [method, canonicalPath(path), canonicalQuery(query), lines.join(''), names.join(';'), payload].join('\n');
}

const collapse = (value: string | string[] | undefined): string => {
  const text = Array.isArray(value)
    ? value.join(',')
    : (value ?? refuse(403, 'AccessDenied', 'a signed header is missing'));
  return text.trim().replace(/ +/g, ' ');
};

/** S3 encodes each segment once, whatever the client escaped on the way. */
const canonicalPath = (path: string): string =>
  path
    .split('/')
    .map((segment) => encode(decode(segment)))
    .join('/');

function canonicalQuery(query: string): string {
  if (query === '') return '';
  const pairs = query.split('&').map((pair) => {
    const at = pair.indexOf('=');
    const [name, value] = at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    return [encode(decode(name)), encode(decode(value))] as const;
  });
  pairs.sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

export function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return refuse(400, 'InvalidURI', 'the URL is not percent-encoded UTF-8');
  }
}

/** RFC 3986: everything but unreserved characters. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256Hex = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

const signingKey = (secret: string, scope: string): Buffer =>
  scope.split('/').reduce<string | Buffer>((key, part) => hmac(key, part), `AWS4${secret}`) as Buffer;
