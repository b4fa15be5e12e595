import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { keysOf, rejectsWith, text } from '../../../test/contracts/store.js';
import { freshPrefix } from '../../../test/support/s3Bucket.js';

const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };

/** Answers every request with one response: for what no real server can be brought to say. */
async function answering<T>(status: number, body: string, use: (endpoint: string) => Promise<T>): Promise<T> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(status, { 'content-type': 'application/xml' }).end(body));
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
}

test('a bucket in another region is named with both regions', async () => {
  const body =
    '<Error><Code>AuthorizationHeaderMalformed</Code><Message>wrong</Message><Region>eu-west-1</Region></Error>';
  await answering(400, body, async (endpoint) => {
    const store = freshPrefix({ endpoint, region: 'us-east-1', credentials }, 'bucket');
    await assert.rejects(store.write('k', text('x')), {
      name: 'RegionWrong',
      message: /is not in region us-east-1 but in eu-west-1/,
    });
  });
});

test('a listing that is cut without a way to go on is an error, not a short listing', async () => {
  const body = '<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>';
  await answering(200, body, async (endpoint) => {
    const store = freshPrefix({ endpoint, region: 'us-east-1', credentials }, 'bucket');
    await rejectsWith('StoreFailed', () => keysOf(store.list('')));
  });
});

/** Variables by which the AWS SDK finds credentials; this test file is a process of its own. */
const awsVariables = Object.keys(process.env).filter((name) => name.startsWith('AWS_'));
before(() => {
  for (const name of awsVariables) delete process.env[name];
  process.env.AWS_EC2_METADATA_DISABLED = 'true';
  process.env.AWS_SHARED_CREDENTIALS_FILE = '/nonexistent/credentials';
  process.env.AWS_CONFIG_FILE = '/nonexistent/config';
});
after(() => {
  for (const name of ['AWS_EC2_METADATA_DISABLED', 'AWS_SHARED_CREDENTIALS_FILE', 'AWS_CONFIG_FILE'])
    delete process.env[name];
});

test('no credentials anywhere is said so', async () => {
  const store = freshPrefix({ endpoint: 'http://127.0.0.1:1', region: 'us-east-1' }, 'bucket');
  await rejectsWith('CredentialsMissing', () => store.write('k', text('x')));
});

test('no region anywhere is said so', async () => {
  const store = freshPrefix({ endpoint: 'http://127.0.0.1:1', credentials }, 'bucket');
  await rejectsWith('ConnectionInvalid', () => store.write('k', text('x')));
});

test('credentials of the environment are used', async () => {
  process.env.AWS_ACCESS_KEY_ID = 'from-environment';
  process.env.AWS_SECRET_ACCESS_KEY = 'secret';
  let authorization = '';
  const server = createServer((request, response) => {
    authorization = request.headers.authorization ?? '';
    request.resume().on('end', () => response.writeHead(200).end());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  try {
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    assert.equal(await freshPrefix({ endpoint, region: 'eu-1' }, 'bucket').write('k', text('x')), 'written');
  } finally {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
    delete process.env.AWS_ACCESS_KEY_ID;
    delete process.env.AWS_SECRET_ACCESS_KEY;
  }
  assert.match(authorization, /Credential=from-environment\/\d+\/eu-1\/s3/);
});
