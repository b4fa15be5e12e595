import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { test } from 'node:test';
import { startS3Proxy } from './s3Proxy.js';

test('a client that is killed in the middle of its request costs the others nothing', async () => {
  const server = createServer((request, response) => request.resume().on('end', () => response.end('whole')));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  await using _server = { [Symbol.asyncDispose]: async () => void (await once(server.close(), 'close')) };
  await using proxy = await startS3Proxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const client = connect(Number(new URL(proxy.endpoint).port), '127.0.0.1');
  client.write('PUT /torn HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nthree');
  while (proxy.seen.length === 0) await new Promise(setImmediate);
  client.destroy();
  const answer = await fetch(`${proxy.endpoint}/other`, { headers: { connection: 'close' } });
  assert.equal(await answer.text(), 'whole');
  assert.deepEqual(
    proxy.seen.map(({ url }) => url),
    ['/torn', '/other'],
  );
});
