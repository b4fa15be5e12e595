import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { test } from 'node:test';
import { reach } from './reach.js';

async function aServer(): Promise<Server> {
  const server = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const addressOf = (server: Server): string => {
  const address = server.address();
  return typeof address === 'object' && address ? `127.0.0.1:${address.port}` : '';
};

test('somebody who listens is reached, and let go at once', async () => {
  const server = await aServer();
  const met = once(server, 'connection');
  await reach(addressOf(server));
  const [socket] = await met;
  if (!socket.closed) await once(socket, 'close');
  server.close();
});

test('where nobody listens any more there is nobody to reach', async () => {
  const server = await aServer();
  const address = addressOf(server);
  server.close();
  await once(server, 'close');
  await assert.rejects(reach(address), { name: 'PeerUnreachable' });
  await assert.rejects(reach('unix:/nowhere/at/all.sock'), { name: 'PeerUnreachable' });
});

test('whoever gives up hears why', async () => {
  const given = new AbortController();
  given.abort(new Error('enough'));
  await assert.rejects(reach('127.0.0.1:9', { signal: given.signal }), /enough/);
});
