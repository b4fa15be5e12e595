import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EspalierError, fail } from '../../api/errors.js';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import { connect } from '../../proto/call.js';
import { loadProtos } from '../../proto/load.js';
import { serve } from '../../proto/serve.js';
import { service } from '../../proto/transport.js';
import { accessOf } from '../../test/support/aJobResource.js';
import { aStatusServer, namesOf, type RunningStatus } from '../../test/support/aStatusServer.js';
import { type AuthorityStore, memoryAuthorityStore, newRequest, openAuthority } from './authority.js';
import { identityOfJob, type PodAttestor } from './identityService.js';
import { JobIndex } from './jobIndex.js';

const never = new AbortController().signal;
/** The token says which pod it is: `team/job/pod`. */
const attestor: PodAttestor = {
  async attest(token) {
    const [namespace, job, pod] = token.split('/');
    if (!namespace || !job || !pod) return fail('CallerUnknown', { why: 'the token is bound to no pod' });
    if (job === 'none')
      return fail('CertificateRefused', { pod: `${namespace}/${pod}`, why: 'no Job of workers owns it' });
    return { namespace, job, pod };
  },
};
const start = () => aStatusServer(new JobIndex('e1'), accessOf({}), { attestor });

async function certified(status: RunningStatus, token: string) {
  const { request, key } = await newRequest();
  const reply = await status.as(token).client('Identity').issue({ certificateRequest: request });
  return { ...reply, tls: tlsOf(reply, key) };
}
const tlsOf = (reply: { readonly certificate: string; readonly authority: string }, key: string) => ({
  certificate: Buffer.from(reply.certificate),
  authority: Buffer.from(reply.authority),
  key: Buffer.from(key),
});

test('a pod gets a certificate of its own name, for an hour, whatever its request says', async () => {
  await using status = await start();
  const { certificate, identity, expiresMs, authority } = await certified(status, 'team/a/a-0');
  assert.equal(identity, 'spiffe://espalier/team/a/a-0');
  const { names, validTo } = namesOf(certificate);
  assert.equal(names, 'URI:spiffe://espalier/team/a/a-0');
  assert.equal(authority, status.authority.certificate);
  assert.ok(Math.abs(validTo - expiresMs) < 1000 && expiresMs - Date.now() <= 3_600_000);
});

test('a token that is no pod, a pod of no job and a request that is none get nothing', async () => {
  await using status = await start();
  const { request } = await newRequest();
  const refused = (token: string, certificateRequest: string) =>
    status.as(token).client('Identity').issue({ certificateRequest }).catch((error: EspalierError) => error.name); // biome-ignore format: one thought
  assert.deepEqual(
    [await refused('nobody', request), await refused('team/none/p', request), await refused('team/a/p', 'hello')],
    ['CallerUnknown', 'CertificateRefused', 'CertificateRefused'],
  );
});

test('workers of one job talk to each other; those of another job are refused by both sides', async () => {
  await using status = await start();
  const [a, a2, b] = [
    await certified(status, 'team/a/a-0'),
    await certified(status, 'team/a/a-1'),
    await certified(status, 'team/b/b-0'),
  ];
  const protos = loadProtos();
  const trusts = identityOfJob('team', 'a');
  const worker = service('Worker', {
    setView: async () => ({ number: 7 }),
    watchEvents: async function* () {},
    stop: async () => ({}),
  });
  const server = await serve(protos, [worker], {
    address: '127.0.0.1:0',
    token: 'shared',
    log: silentLogger,
    tls: { ...a.tls, trusts },
  });
  const call = async (tls: typeof a.tls, of: string) => {
    const connection = connect(protos, server.address, {
      token: 'shared',
      tls: { ...tls, trusts: identityOfJob('team', of) },
    });
    const answer = await connection.client('Worker').setView({}).catch((error: EspalierError) => error.name); // biome-ignore format: one thought
    connection.close();
    return answer;
  };
  assert.deepEqual(await call(a2.tls, 'a'), { number: 7 });
  // b's certificate is of the same authority, and it even has the token: its name is of another job.
  assert.equal(await call(b.tls, 'a'), 'TokenRejected');
  // And b does not take a for one of its own.
  assert.equal(await call(b.tls, 'b'), 'PeerUnreachable');
  await server.close();
});

test('the authority outlives its process; of two that start at once one is kept', async () => {
  const store = memoryAuthorityStore();
  const [one, two] = await Promise.all([
    openAuthority(store, systemClock, never),
    openAuthority(store, systemClock, never),
  ]);
  assert.equal(one.certificate, two.certificate);
  const again = await openAuthority(store, systemClock, never);
  assert.equal(again.certificate, one.certificate);
  assert.equal(again.derive('job tokens'), one.derive('job tokens'));
  assert.notEqual(again.derive('job tokens'), one.derive('other'));
  const broken: AuthorityStore = { ...store, read: async () => Promise.reject(new Error('etcd is away')) };
  await assert.rejects(openAuthority(broken, systemClock, never), /etcd is away/);
});

test('a request signed by another key than its own is refused', async () => {
  const authority = await openAuthority(memoryAuthorityStore(), systemClock, never);
  const { request } = await newRequest();
  const bytes = Buffer.from(request.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  bytes[bytes.length - 1]! ^= 1;
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
  await assert.rejects(authority.issueFor(forged, 'spiffe://espalier/team/a/a-0'));
});
