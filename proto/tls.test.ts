import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EspalierError } from '../api/errors.js';
import { silentLogger } from '../common/log.js';
import { anAuthority, certificatesFor, fixedFor, longAgo } from '../test/support/certificates.js';
import { grpcTransport } from './grpc.js';
import { fixedCertificates, RenewableCertificates } from './tls.js';
import { type ClientTls, type ServerTls, service } from './transport.js';

const transport = grpcTransport();
const deadline = { timeoutMs: 30_000 };

/** Counts who got through. */
async function aServer(tls: ServerTls) {
  const stats = { calls: 0 };
  const worker = service('Worker', {
    setView: async () => ({ number: ++stats.calls }),
    async *watchEvents({ afterSequence }, { signal }) {
      stats.calls++;
      for (let sequence = afterSequence + 1; !signal.aborted; sequence++) {
        yield { sequence };
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    stop: async () => ({}),
  });
  const server = await transport.listen([worker], { address: '127.0.0.1:0', token: 'secret', log: silentLogger, tls });
  const call = async (client?: ClientTls, token = 'secret') => {
    const connection = transport.connect(server.address, { token, ...(client && { tls: client }) });
    try {
      return await connection.client('Worker').setView({}, deadline);
    } catch (error) {
      return error instanceof EspalierError ? error.name : String(error);
    } finally {
      connection.close();
    }
  };
  return { server, call, calls: () => stats.calls, async [Symbol.asyncDispose]() { await server.close(); } }; // biome-ignore format: one thought
}

const uris = { server: 'spiffe://t/a/server', friend: 'spiffe://t/a/friend', stranger: 'spiffe://t/b/stranger' };
const isFamily = (uri: string) => uri.startsWith('spiffe://t/a/');

test('a server goes by the names of its clients, a client by that of its server, and both by the authority and the time', async () => {
  const [authority, expired, foreign] = [await anAuthority(), await anAuthority(longAgo), await anAuthority()];
  const trusted = Buffer.from(authority.trusted);
  await using context = await aServer({ certificates: await fixedFor(authority, uris.server), trusts: isFamily });
  const { call } = context;
  const trusts = (uri: string) => uri === uris.server;
  const as = async (uri: string, of = authority) => {
    const { own } = await certificatesFor(of, uri);
    return fixedCertificates({ authority: trusted, ...(own && { own }) });
  };
  const friend = await as(uris.friend);
  assert.deepEqual(await call({ certificates: friend, trusts }), { number: 1 });

  assert.equal(await call({ certificates: await as(uris.stranger), trusts }), 'CertificateRejected');
  assert.equal(await call({ certificates: friend, trusts }, 'another token'), 'TokenRejected');
  // No name of a service in a token's place: it has the token, and no certificate or no good one.
  assert.equal(await call({ certificates: fixedCertificates({ authority: trusted }), trusts }), 'PeerUnreachable');
  assert.equal(await call(), 'PeerUnreachable');
  assert.equal(await call({ certificates: await as(uris.friend, expired), trusts }), 'PeerUnreachable');
  assert.equal(await call({ certificates: await as(uris.friend, foreign), trusts }), 'PeerUnreachable');
  // What the client sees of the server.
  assert.equal(await call({ certificates: friend, trusts: (uri) => uri === uris.stranger }), 'PeerUnreachable');
  assert.equal(await call({ certificates: await fixedFor(foreign, uris.friend), trusts }), 'PeerUnreachable');
  // Without `trusts` it goes by host names, of which this certificate has none.
  assert.equal(await call({ certificates: friend }), 'PeerUnreachable');
  assert.equal(context.calls(), 1);
});

test('an expired certificate of a trusted authority is refused', async () => {
  // One authority whose clock stood in the past when it signed this client, and not when it signed the server.
  const times = { now: Date.now() };
  const authority = await anAuthority({ ...longAgo, now: () => times.now });
  const server = await fixedFor(authority, uris.server);
  times.now = longAgo.now();
  const late = await fixedFor(authority, uris.friend);
  await using context = await aServer({ certificates: server, trusts: isFamily });
  const trusts = (uri: string) => uri === uris.server;
  assert.equal(await context.call({ certificates: late, trusts }), 'PeerUnreachable');
  assert.equal(context.calls(), 0);
  // And a server that forgot to renew is refused by its clients.
  await using old = await aServer({ certificates: late, trusts: isFamily });
  assert.equal(await old.call({ certificates: server, trusts: (uri) => uri === uris.friend }), 'PeerUnreachable');
  assert.equal(old.calls(), 0);
});

test('certificates are replaced while a stream runs: it goes on, and only the new ones are shown from then on', async () => {
  const [before, after] = [await anAuthority(), await anAuthority()];
  const own = new RenewableCertificates(await certificatesFor(before, uris.server));
  const shown: string[] = [];
  await using context = await aServer({ certificates: own, trusts: isFamily });
  const theirs = new RenewableCertificates(await certificatesFor(before, uris.friend));
  const trusts = (uri: string) => {
    shown.push(uri);
    return isFamily(uri);
  };
  const connection = transport.connect(context.server.address, {
    token: 'secret',
    tls: { certificates: theirs, trusts },
  });
  const stop = new AbortController();
  const events = connection.client('Worker').watchEvents({ afterSequence: 0 }, { signal: stop.signal });
  const stream = events[Symbol.asyncIterator]();
  assert.equal((await stream.next()).value?.sequence, 1);

  own.replace(await certificatesFor(after, 'spiffe://t/a/renewed'));
  // Whoever comes from now on must believe the new authority, and be believed by it.
  const fresh = await fixedFor(after, uris.friend);
  assert.equal(
    typeof (await context.call({ certificates: fresh, trusts: (uri) => uri === 'spiffe://t/a/renewed' })),
    'object',
  );
  assert.equal(
    await context.call({ certificates: fixedCertificates(theirs.current()), trusts: isFamily }),
    'PeerUnreachable',
  );
  for (let sequence = 2; sequence < 200; sequence++) assert.equal((await stream.next()).value?.sequence, sequence);
  assert.deepEqual(shown, [uris.server]);

  // The same connection, made again after its server was away, shows what is current.
  theirs.replace(await certificatesFor(after, uris.friend));
  await context.server.close();
  await assert.rejects(async () => { for (;;) if ((await stream.next()).done) throw new Error('ended'); }); // biome-ignore format: one thought
  const worker = service('Worker', {
    setView: async (_, { peers }) => ({ number: peers.length }),
    watchEvents: async function* () {},
    stop: async () => ({}),
  });
  const address = context.server.address;
  const tls = { certificates: own, trusts: isFamily };
  const again = await transport.listen([worker], { address, token: 'secret', log: silentLogger, tls });
  const answer = async (): Promise<unknown> => {
    const signal = AbortSignal.timeout(60_000);
    for (;;) {
      const reply = await connection
        .client('Worker')
        .setView({}, deadline)
        .catch(() => undefined);
      if (reply) return reply;
      signal.throwIfAborted();
    }
  };
  assert.deepEqual(await answer(), { number: 1 });
  assert.equal(shown.at(-1), 'spiffe://t/a/renewed');
  stop.abort();
  connection.close();
  await again.close();
});

test('each service has its own callers', async () => {
  const authority = await anAuthority();
  const certificates = await fixedFor(authority, uris.server);
  await using context = await aServer({
    certificates,
    trusts: (uri, name) => (name === 'Worker' ? uri === uris.friend : uri === uris.stranger),
  });
  const trusts = (uri: string) => uri === uris.server;
  assert.deepEqual(await context.call({ certificates: await fixedFor(authority, uris.friend), trusts }), { number: 1 });
  const stranger = await fixedFor(authority, uris.stranger);
  assert.equal(await context.call({ certificates: stranger, trusts }), 'CertificateRejected');
});
