import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { crc32 } from 'node:zlib';
import { rejectsWith, text } from '../../../test/contracts/store.js';
import { freshPrefix } from '../../../test/support/s3Bucket.js';
import { chunkedBody, type SignedHeaders, signed } from '../../../test/support/s3Signing.js';
import { startEmbeddedS3 } from './server.js';

const root = await mkdtemp(join(tmpdir(), 'embedded-s3-'));
const folder = join(root, 'served');
const credentials = { accessKeyId: 'local', secretAccessKey: 'local-secret' };
const server = await startEmbeddedS3({ folder, credentials, buckets: ['bucket'] });
after(async () => {
  await server.close();
  await rm(root, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly code: string | undefined;
  readonly body: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** A request exactly as given: no client library normalises path or headers. */
function send(method: string, path: string, headers: Record<string, string>, body?: Uint8Array): Promise<Answer> {
  const { hostname, port } = new URL(server.endpoint);
  return new Promise((resolve, reject) => {
    const request = httpRequest({ hostname, port, method, path, headers }, (answer) => {
      let content = '';
      answer.setEncoding('utf8');
      answer.on('data', (part: string) => {
        content += part;
      });
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          code: /<Code>(\w+)<\/Code>/.exec(content)?.[1],
          body: content,
          headers: answer.headers,
        }),
      );
    });
    request.on('error', reject);
    request.end(body);
  });
}

const host = new URL(server.endpoint).host;
const sign = (method: string, path: string, more: Partial<SignedHeaders> = {}) =>
  signed({ method, path, host, credentials, payloadHash: sha256(''), time: new Date(), ...more });
const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
const put = (path: string, body: string, headers: Record<string, string> = {}) =>
  send('PUT', path, sign('PUT', path, { payloadHash: sha256(body), headers }).headers, Buffer.from(body));

test('it listens on the loopback address only', () => {
  assert.match(server.endpoint, /^http:\/\/127\.0\.0\.1:\d+$/);
});

test('a signed put is stored as a plain file', async () => {
  assert.equal((await put('/bucket/a/b', 'hello')).status, 200);
  assert.equal(await readFile(join(folder, 'bucket', 'a', 'b'), 'utf8'), 'hello');
});

test('unsigned, wrongly signed, altered and stale requests are refused by their codes', async () => {
  assert.equal((await send('GET', '/bucket/a/b', { host })).code, 'AccessDenied');
  const wrong = sign('GET', '/bucket/a/b', { credentials: { ...credentials, secretAccessKey: 'other' } });
  assert.equal((await send('GET', '/bucket/a/b', wrong.headers)).code, 'SignatureDoesNotMatch');
  const unknown = sign('GET', '/bucket/a/b', { credentials: { ...credentials, accessKeyId: 'other' } });
  assert.equal((await send('GET', '/bucket/a/b', unknown.headers)).code, 'InvalidAccessKeyId');
  const other = sign('GET', '/bucket/a/b');
  assert.equal((await send('GET', '/bucket/a/c', other.headers)).code, 'SignatureDoesNotMatch');
  const added = { ...other.headers, 'x-amz-copy-source': '/bucket/secret' };
  assert.equal((await send('GET', '/bucket/a/b', added)).code, 'AccessDenied');
  const stale = sign('GET', '/bucket/a/b', { time: new Date(Date.now() - 16 * 60_000) });
  assert.equal((await send('GET', '/bucket/a/b', stale.headers)).code, 'RequestTimeTooSkewed');
});

test('no path leads out of the folder', async () => {
  await writeFile(join(root, 'secret'), 'secret');
  for (const path of [
    '/bucket/../../secret',
    '/bucket/%2e%2e/%2e%2e/secret',
    '/bucket/..%2f..%2fsecret',
    '/../secret',
    '/%2e%2e/secret',
    '/bucket/a/%2e%2e/%2e%2e/%2e%2e/secret',
    '/bucket/a%5c..%5csecret',
    '/bucket/a%00b',
    '/.espalier-uploads/x',
    '/bucket/.espalier-parts/x',
  ]) {
    const read = await send('GET', path, sign('GET', path).headers);
    assert.ok(read.status >= 400 && !read.body.includes('<secret>'), path);
    const write = await put(path, 'overwritten');
    assert.ok(write.status >= 400, path);
  }
  assert.equal(await readFile(join(root, 'secret'), 'utf8'), 'secret');
  assert.deepEqual((await readdir(root)).sort(), ['secret', 'served']);
});

test('a body that is not the signed one, or does not match its checksum, is not stored', async () => {
  const path = '/bucket/checked';
  const headers = sign('PUT', path, { payloadHash: sha256('this') }).headers;
  assert.equal((await send('PUT', path, headers, Buffer.from('that'))).code, 'XAmzContentSHA256Mismatch');
  const wrongCrc = await put(path, 'this', { 'x-amz-checksum-crc32': 'AAAAAA==' });
  assert.equal(wrongCrc.code, 'BadDigest');
  assert.equal((await put(path, 'this', { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' })).code, 'BadDigest');
  const unknown = await put(path, 'this', { 'x-amz-checksum-crc32': checksum('this'), 'x-amz-checksum-sha256': 'x' });
  assert.equal(unknown.code, 'BadDigest');
  assert.equal((await send('GET', path, sign('GET', path).headers)).code, 'NoSuchKey');
  assert.equal((await put(path, 'this', { 'x-amz-checksum-crc32': checksum('this') })).status, 200);
});

test('a refused body of megabytes is answered all the same', async () => {
  const path = '/bucket/refused';
  const body = Buffer.alloc(12 << 20, 'x');
  const headers = sign('PUT', path, { payloadHash: sha256('other') }).headers;
  assert.equal((await send('PUT', path, headers, body)).code, 'XAmzContentSHA256Mismatch');
  assert.equal(
    (await send('PUT', '/none/x', sign('PUT', '/none/x', { payloadHash: sha256(body) }).headers, body)).code,
    'NoSuchBucket',
  );
});

test('a signed aws-chunked body with a signed trailing checksum is unpacked, every signature checked', async () => {
  const path = '/bucket/chunked';
  const content = Buffer.from('0123456789'.repeat(20_000));
  const attempt = (damage: Parameters<typeof chunkedBody>[0]['damage'], trailing = checksum(content)) => {
    const request = sign('PUT', path, {
      payloadHash: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
      headers: {
        'content-encoding': 'aws-chunked',
        'x-amz-trailer': 'x-amz-checksum-crc32',
        'x-amz-decoded-content-length': String(content.byteLength),
      },
    });
    const body = chunkedBody({
      request,
      content,
      chunkBytes: 65_536,
      trailer: ['x-amz-checksum-crc32', trailing],
      damage,
    });
    return send('PUT', path, request.headers, body);
  };
  assert.equal((await attempt('chunk')).code, 'SignatureDoesNotMatch');
  assert.equal((await attempt('trailer')).code, 'SignatureDoesNotMatch');
  assert.equal((await attempt(undefined, checksum('other'))).code, 'BadDigest');
  assert.equal((await send('GET', path, sign('GET', path).headers)).code, 'NoSuchKey');
  assert.equal((await attempt(undefined)).status, 200);
  assert.ok((await readFile(join(folder, 'bucket', 'chunked'))).equals(content));
});

test('an unsigned aws-chunked body with a trailing checksum, as the SDK streams it, is unpacked', async () => {
  const path = '/bucket/unsigned';
  const content = Buffer.from('streamed');
  const headers = {
    'content-encoding': 'aws-chunked',
    'x-amz-trailer': 'x-amz-checksum-crc32',
    'x-amz-decoded-content-length': String(content.byteLength),
  };
  const attempt = (trailing: string) => {
    const request = sign('PUT', path, { payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', headers });
    const body = `8\r\nstreamed\r\n0\r\nx-amz-checksum-crc32:${trailing}\r\n\r\n`;
    return send('PUT', path, request.headers, Buffer.from(body));
  };
  assert.equal((await attempt(checksum('other'))).code, 'BadDigest');
  assert.equal((await attempt(checksum(content))).status, 200);
  assert.equal(await readFile(join(folder, 'bucket', 'unsigned'), 'utf8'), 'streamed');
});

test('what is not spoken is refused as not implemented, not half done', async () => {
  for (const [method, path] of [
    ['GET', '/bucket/a/b?acl='],
    ['PUT', '/bucket/a/b?tagging='],
    ['POST', '/bucket?delete='],
    ['GET', '/bucket?versions='],
  ] as const)
    assert.equal((await send(method, path, sign(method, path).headers)).code, 'NotImplemented', path);
  assert.equal((await put('/bucket/copy', '', { 'x-amz-copy-source': '/bucket/a/b' })).code, 'NotImplemented');
});

test('listings know delimiters, pages and keys that need escaping in XML', async () => {
  for (const key of ['l/1', 'l/2/x', 'l/2/y', 'l/%3C&%3E']) await put(`/bucket/${key}`, key);
  const list = async (query: string) =>
    (await send('GET', `/bucket?${query}`, sign('GET', `/bucket?${query}`).headers)).body;
  const page = await list('delimiter=%2F&list-type=2&max-keys=2&prefix=l%2F');
  assert.deepEqual(
    [...page.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key),
    ['l/1'],
  );
  assert.deepEqual(
    [...page.matchAll(/<CommonPrefixes><Prefix>(.*?)<\/Prefix>/g)].map(([, key]) => key),
    ['l/2/'],
  );
  const token = /<NextContinuationToken>(.*?)</.exec(page)?.[1] ?? '';
  const next = await list(`continuation-token=${token}&delimiter=%2F&list-type=2&prefix=l%2F`);
  assert.deepEqual(
    [...next.matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key),
    ['l/&#60;&#38;&#62;'],
  );
  assert.match(next, /<IsTruncated>false/);
});

test('a client whose clock is wrong is told so by name', async () => {
  const late = { now: () => Date.now() + 3_600_000, monotonic: () => 0, sleep: async () => undefined };
  const ahead = await startEmbeddedS3({ folder, credentials, buckets: ['bucket'], clock: late });
  try {
    const store = freshPrefix({ endpoint: ahead.endpoint, region: 'us-east-1', credentials }, 'bucket');
    await rejectsWith('ClockSkewed', () => store.write('k', text('x')));
  } finally {
    await ahead.close();
  }
});

function checksum(content: string | Uint8Array): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(content));
  return bytes.toString('base64');
}
