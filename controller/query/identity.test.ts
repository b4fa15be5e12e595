import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import { type EspalierError, fail } from '../../api/errors.js';
import { systemClock } from '../../common/clock.js';
import { accessOf } from '../../test/support/aJobResource.js';
import { aJobToken, aStatusServer, namesOf, type RunningStatus } from '../../test/support/aStatusServer.js';
import { aCertificateRequest } from '../../test/support/certificates.js';
import { type AuthorityStore, memoryAuthorityStore, openAuthority } from './authority.js';
import type { PodAttestor } from './identityService.js';
import { JobIndex } from './jobIndex.js';

const never = new AbortController().signal;
/** The token says which pod it is: `team/job/pod`. */
const attestor: PodAttestor = {
  async attest(token) {
    const [namespace, job, pod] = token.split('/');
    if (!namespace || !job || !pod) return fail('CallerUnknown', { why: 'the token is bound to no pod' });
    if (job === 'none')
      return fail('CertificateRefused', { pod: `${namespace}/${pod}`, why: 'no Job of workers owns it' });
    return { namespace, job, jobUid: `uid-of-${job}`, podUid: `uid-of-${pod}`, name: pod };
  },
};
const start = () => aStatusServer(new JobIndex('e1'), accessOf({}), { attestor });

async function certified(status: RunningStatus, token: string) {
  const { request } = await aCertificateRequest();
  return status.as(token).client('Identity').issue({ certificateRequest: request });
}

test('a pod gets a certificate of its own name, for an hour, whatever its request says', async () => {
  await using status = await start();
  const { certificate, identity, expiresMs, authority, jobToken } = await certified(status, 'team/a/a-0');
  assert.equal(jobToken, aJobToken('uid-of-a'));
  assert.equal(identity, 'spiffe://espalier/team/a/uid-of-a/uid-of-a-0');
  const { names, validTo } = namesOf(certificate);
  assert.equal(names, 'URI:spiffe://espalier/team/a/uid-of-a/uid-of-a-0');
  assert.equal(authority, status.authority.trusted);
  assert.ok(Math.abs(validTo - expiresMs) < 1000 && expiresMs - Date.now() <= 3_600_000);
});

test('a token that is no pod, a pod of no job and a request that is none get nothing', async () => {
  await using status = await start();
  const { request } = await aCertificateRequest();
  const refused = (token: string, certificateRequest: string) =>
    status.as(token).client('Identity').issue({ certificateRequest }).catch((error: EspalierError) => error.name); // biome-ignore format: one thought
  assert.deepEqual(
    [await refused('nobody', request), await refused('team/none/p', request), await refused('team/a/p', 'hello')],
    ['CallerUnknown', 'CertificateRefused', 'CertificateRefused'],
  );
});

test('the authority outlives its process; of two that start at once one is kept', async () => {
  const store = memoryAuthorityStore();
  const [one, two] = await Promise.all([
    openAuthority(store, systemClock, never),
    openAuthority(store, systemClock, never),
  ]);
  assert.equal(one.trusted, two.trusted);
  const again = await openAuthority(store, systemClock, never);
  assert.equal(again.trusted, one.trusted);
  assert.equal(again.derive('job tokens'), one.derive('job tokens'));
  assert.notEqual(again.derive('job tokens'), one.derive('other'));
  const broken: AuthorityStore = { ...store, read: async () => Promise.reject(new Error('etcd is away')) };
  await assert.rejects(openAuthority(broken, systemClock, never), /etcd is away/);
});

test('a request signed by another key than its own is refused', async () => {
  const authority = await openAuthority(memoryAuthorityStore(), systemClock, never);
  const { request } = await aCertificateRequest();
  const bytes = Buffer.from(request.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  bytes[bytes.length - 1]! ^= 1;
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
  await assert.rejects(authority.issueFor(forged, 'spiffe://espalier/team/a/a-0'));
});

test('a rotation keeps every certificate good that is out: a bridge leads from the old authority to the new one', async () => {
  const store = memoryAuthorityStore();
  const before = await openAuthority(store, systemClock, never);
  store.wantRotation();
  const after = await openAuthority(store, systemClock, never);
  assert.equal(after.derive('job tokens'), before.derive('job tokens'));
  const certificates = (pem: string) =>
    pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)!.map((one) => new X509Certificate(one));
  const [root, retired] = certificates(after.trusted);
  assert.equal(retired!.fingerprint256, new X509Certificate(before.trusted).fingerprint256);
  assert.notEqual(root!.fingerprint256, retired!.fingerprint256);
  const { request } = await aCertificateRequest();
  const [leaf, bridge] = certificates((await after.issueFor(request, 'spiffe://espalier/t/a/1/2')).certificate);
  assert.ok(leaf!.checkIssued(root!) && leaf!.verify(root!.publicKey));
  assert.ok(leaf!.checkIssued(bridge!) && bridge!.checkIssued(retired!) && bridge!.verify(retired!.publicKey));
  // It was one wish: the next start makes no other.
  assert.equal((await openAuthority(store, systemClock, never)).trusted, after.trusted);
});

test('an authority in its last year is rotated at a start, and of two controllers that do so one is kept', async () => {
  const store = memoryAuthorityStore();
  const first = await openAuthority(store, systemClock, never);
  const nineYears = 9 * 365 * 24 * 3_600_000;
  const early = { ...systemClock, now: () => systemClock.now() + nineYears - 24 * 3_600_000 };
  assert.equal((await openAuthority(store, early, never)).trusted, first.trusted);
  const late = { ...systemClock, now: () => systemClock.now() + nineYears + 24 * 3_600_000 };
  const [one, two] = await Promise.all([openAuthority(store, late, never), openAuthority(store, late, never)]);
  assert.notEqual(one.trusted, first.trusted);
  assert.equal(one.trusted, two.trusted);
});
