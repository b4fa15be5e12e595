import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { EspalierError } from '../../api/errors.js';
import { controllerUri, podUri } from '../../api/podIdentity.js';
import { silentLogger } from '../../common/log.js';
import { grpcTransport } from '../../proto/grpc.js';
import { type ClientTls, type Listening, service } from '../../proto/transport.js';
import { aClock, type ManualClock } from '../../test/support/aClock.js';
import { aJobToken } from '../../test/support/aStatusServer.js';
import { anAuthority, fixedFor, longAgo } from '../../test/support/certificates.js';
import { aController, type PlayedController } from '../../test/support/playedController.js';
import { type Identity, openIdentity } from './identity.js';

const transport = grpcTransport();
const token = 'token of the job';
const deadline = { timeoutMs: 30_000 };
const lookMs = 5000;
const hourMs = 3_600_000;

/** A pod's mounted files and the identity that it makes of them. */
class Pod {
  readonly folder: string;
  readonly clock: ManualClock = aClock(Date.now());
  readonly uid: string;
  readonly #controller: PlayedController;

  private constructor(folder: string, uid: string, controller: PlayedController) {
    this.folder = folder;
    this.uid = uid;
    this.#controller = controller;
  }

  static async start(t: TestContext, controller: PlayedController, uid: string, podToken = uid): Promise<Pod> {
    const folder = await mkdtemp(join(tmpdir(), 'espalier-identity-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const pod = new Pod(folder, uid, controller);
    await pod.mount(podToken, controller.authority.trusted);
    return pod;
  }

  async mount(podToken: string, trusted: string): Promise<void> {
    await writeFile(join(this.folder, 'token'), `${podToken}\n`);
    await writeFile(join(this.folder, 'ca.crt'), trusted);
  }

  open(signal = AbortSignal.timeout(120_000)): Promise<Identity> {
    const authority = join(this.folder, 'ca.crt');
    const paths = { podToken: join(this.folder, 'token'), authority, controllerAuthority: authority };
    const { address } = this.#controller;
    return openIdentity(
      { transport, controller: address, paths, clock: this.clock, log: silentLogger, random: () => 0.5 },
      signal,
    );
  }

  /** Time goes on in the pod until something is so: it looks at its files and its certificate every five seconds. */
  async until(what: () => boolean): Promise<void> {
    const late = AbortSignal.timeout(120_000);
    while (!what()) {
      if (late.aborted) throw new Error('it never came to that');
      if (this.clock.sleepers > 0) this.clock.advance(lookMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** The services of a worker, behind a pod's identity. */
const served = ({ tls }: Identity): Promise<Listening> =>
  transport.listen(
    [
      service('Worker', {
        setView: async () => ({ number: 1 }),
        watchEvents: async function* () {},
        stop: async () => ({}),
      }),
      service('Exchange', {
        async *link(requests) {
          for await (const { status } of requests) yield { member: 'here', view: status?.view ?? 0 };
        },
        offer: async () => ({ outcome: 'TAKEN' }),
        fetch: async function* () {},
        fetchState: async function* () {},
      }),
    ],
    { address: '127.0.0.1:0', token, log: silentLogger, tls: tls.server },
  );

const nothing = async function* () {};

async function call(address: string, tls: ClientTls | undefined, what: 'Worker' | 'Exchange', word = token) {
  const connection = transport.connect(address, { token: word, ...(tls && { tls }) });
  try {
    if (what === 'Worker') await connection.client('Worker').setView({}, deadline);
    else await connection.client('Exchange').offer(nothing(), deadline);
    return 'answered';
  } catch (error) {
    return error instanceof EspalierError ? error.name : String(error);
  } finally {
    connection.close();
  }
}

test('workers of one job exchange pieces, their controller gives orders, and nobody else is answered', async (t) => {
  await using controller = await aController();
  const [pod, sibling, other] = await Promise.all(['a/1', 'a/2', 'b/3'].map((uid) => Pod.start(t, controller, uid)));
  await using mine = await pod!.open();
  await using theirs = await sibling!.open();
  await using stranger = await other!.open();
  assert.equal(mine.uri, 'spiffe://espalier/team/a/uid-of-a/1');
  assert.equal(mine.token, aJobToken('uid-of-a'));
  const server = await served(mine);
  const at = (tls: ClientTls | undefined, what: 'Worker' | 'Exchange', word?: string) =>
    call(server.address, tls, what, word);
  const { authority } = controller;
  const chief = { certificates: await fixedFor(authority, controllerUri), trusts: (uri: string) => uri === mine.uri };

  assert.equal(await at(theirs.tls.to('1'), 'Exchange'), 'answered');
  assert.equal(await at(chief, 'Worker'), 'answered');
  // The token of the job is needed besides.
  assert.equal(await at(theirs.tls.to('1'), 'Exchange', 'another token'), 'TokenRejected');
  // Each service has its own callers.
  assert.equal(await at(theirs.tls.to('1'), 'Worker'), 'CertificateRejected');
  assert.equal(await at(chief, 'Exchange'), 'CertificateRejected');
  // Another job: refused by this server even if it does not look whom it has reached, and it does look.
  const { certificates } = stranger.tls.to('1');
  const blind = { certificates, trusts: () => true };
  assert.equal(await at(blind, 'Exchange'), 'CertificateRejected');
  assert.equal(await at(blind, 'Worker'), 'CertificateRejected');
  assert.equal(await at(stranger.tls.to('1'), 'Exchange'), 'PeerUnreachable');
  // A job of the same name that came after this one, and something of the authority that is no pod.
  const after = podUri({ namespace: 'team', job: 'a', jobUid: 'uid-of-another-a', podUid: '1' });
  for (const uri of [after, 'spiffe://espalier/team/a/uid-of-a/1/x', 'spiffe://espalier/team'])
    assert.equal(
      await at({ certificates: await fixedFor(authority, uri), trusts: () => true }, 'Exchange'),
      'CertificateRejected',
    );
  // At this address another pod of the job was expected.
  assert.equal(await at(theirs.tls.to('4'), 'Exchange'), 'PeerUnreachable');
  // No certificate, an authority of its own, one that has ended.
  assert.equal(await at(undefined, 'Exchange'), 'PeerUnreachable');
  for (const unknown of [await anAuthority(), await anAuthority(longAgo)])
    assert.equal(
      await at({ certificates: await fixedFor(unknown, theirs.uri), trusts: () => true }, 'Exchange'),
      'PeerUnreachable',
    );
  await server.close();
});

test('a certificate is renewed at two thirds of its life while a link runs, with a fresh key and without a pause', async (t) => {
  await using controller = await aController();
  const [pod, sibling] = [await Pod.start(t, controller, 'a/1'), await Pod.start(t, controller, 'a/2')];
  await using mine = await pod.open();
  await using theirs = await sibling.open();
  const server = await served(mine);
  const connection = transport.connect(server.address, { token, tls: theirs.tls.to('1') });
  let view = 0;
  const statuses = async function* () {
    for (;;) yield { status: { view: ++view } };
  };
  const stop = new AbortController();
  const link = connection.client('Exchange').link(statuses(), { signal: stop.signal })[Symbol.asyncIterator]();
  await link.next();
  const before = mine.tls.server.certificates.current().own!;
  const issued = controller.issued.length;

  pod.clock.advance(hourMs / 2);
  for (let i = 0; i < 100; i++) await link.next();
  assert.equal(controller.issued.length, issued, 'half of its life is no time yet');
  await pod.until(() => mine.tls.server.certificates.current().own !== before);
  assert.ok(pod.clock.monotonic() < (hourMs * 2) / 3 + 2 * lookMs, 'a third of the life remains');
  const after = mine.tls.server.certificates.current().own!;
  assert.notDeepEqual(after.key, before.key);
  const { value } = await link.next();
  assert.equal(value?.member, 'here');
  assert.equal(await call(server.address, theirs.tls.to('1'), 'Exchange'), 'answered');
  stop.abort();
  connection.close();
  await server.close();
});

test('without the controller a worker goes on, tries again, and is renewed after it is back, with the token that is mounted then', async (t) => {
  await using controller = await aController();
  const [pod, sibling] = [await Pod.start(t, controller, 'a/1'), await Pod.start(t, controller, 'a/2')];
  await using mine = await pod.open();
  await using theirs = await sibling.open();
  const server = await served(mine);
  const before = mine.tls.server.certificates.current().own!;

  await controller.stop();
  await pod.until(() => pod.clock.monotonic() > hourMs);
  assert.equal(mine.tls.server.certificates.current().own, before);
  // Really an hour has not passed: what it shows is good, and it works on without the controller.
  assert.equal(await call(server.address, theirs.tls.to('1'), 'Exchange'), 'answered');

  controller.refuse('a/1', 'CallerUnknown');
  await controller.start();
  await pod.until(() => controller.refused > 0);
  assert.equal(mine.tls.server.certificates.current().own, before);
  await pod.mount('a/1/rotated', controller.authority.trusted);
  await pod.until(() => mine.tls.server.certificates.current().own !== before);
  assert.equal(controller.issued.at(-1), 'a/1/rotated');
  assert.equal(await call(server.address, theirs.tls.to('1'), 'Exchange'), 'answered');
  await server.close();
});

test('a rotated authority reaches workers while they run, and at every moment each of them believes the others', async (t) => {
  await using controller = await aController();
  const pods = await Promise.all(['a/1', 'a/2'].map((uid) => Pod.start(t, controller, uid)));
  await using one = await pods[0]!.open();
  await using two = await pods[1]!.open();
  const server = await served(one);
  const chief = async () => ({
    certificates: await fixedFor(controller.authority, controllerUri),
    trusts: (uri: string) => uri === one.uri,
  });
  const works = async (what: string) => {
    assert.equal(await call(server.address, two.tls.to('1'), 'Exchange'), 'answered', what);
    assert.equal(await call(server.address, await chief(), 'Worker'), 'answered', what);
  };
  await works('before');
  await controller.stop();
  await controller.rotate();
  await controller.start();
  await works('a new controller before anybody has heard of the rotation');
  await pods[1]!.until(() => pods[1]!.clock.monotonic() > hourMs * 0.7);
  await pods[1]!.until(() => controller.issued.at(-1) === 'a/2');
  await works('one has a new certificate, whose authority the other has not heard of');
  await pods[0]!.mount('a/1', controller.authority.trusted);
  const trusted = Buffer.from(controller.authority.trusted);
  await pods[0]!.until(() => one.tls.server.certificates.current().authority!.equals(trusted));
  await works('the new authority was mounted');
  await pods[0]!.until(() => pods[0]!.clock.monotonic() > hourMs);
  await works('all are renewed');
  await server.close();
});

test('a pod that starts before its controller waits for it; one that is refused ends and says why', async (t) => {
  await using controller = await aController();
  const pod = await Pod.start(t, controller, 'a/1');
  await controller.stop();
  const opening = pod.open();
  let opened: Identity | undefined;
  void opening.then((identity) => {
    opened = identity;
  });
  await pod.until(() => pod.clock.monotonic() > 120_000);
  assert.equal(opened, undefined);
  await controller.start();
  await pod.until(() => opened !== undefined);
  await opened![Symbol.asyncDispose]();

  controller.refuse('a/1', 'CertificateRefused');
  await assert.rejects(pod.open(), (error) => EspalierError.is(error, 'CertificateRefused'));
  // Asked to leave while it waits.
  await controller.stop();
  const leave = new AbortController();
  const waiting = pod.open(leave.signal);
  leave.abort(new Error('SIGTERM received'));
  await assert.rejects(waiting, /SIGTERM received/);
});

test('a controller that another authority vouches for gets no token', async (t) => {
  await using controller = await aController();
  await using impostor = await aController();
  const pod = await Pod.start(t, controller, 'a/1');
  await pod.mount('a/1', impostor.authority.trusted);
  const leave = new AbortController();
  const opening = pod.open(leave.signal);
  await pod.until(() => pod.clock.monotonic() > 60_000);
  assert.deepEqual(controller.issued, []);
  leave.abort(new Error('enough'));
  await assert.rejects(opening, /enough/);
});
