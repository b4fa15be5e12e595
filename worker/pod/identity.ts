import { readFile } from 'node:fs/promises';
import { EspalierError } from '../../api/errors.js';
import { controllerUri, isSibling, siblingUri } from '../../api/podIdentity.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { IssueReply } from '../../proto/generated/espalier/v1/IssueReply.js';
import { fixedCertificates, RenewableCertificates } from '../../proto/tls.js';
import type { Certificates, Transport } from '../../proto/transport.js';
import type { WorkerTls } from '../run.js';
import { newCertificateRequest } from './certificateRequest.js';
import type { Paths } from './mounts.js';

export interface IdentityOptions {
  readonly transport: Transport;
  /** `host:port` of the controller; its certificate must have that host name. */
  readonly controller: string;
  readonly paths: Pick<Paths, 'podToken' | 'authority' | 'controllerAuthority'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

/** Who this pod is to its job. Its certificate is renewed until it is disposed of. */
export interface Identity extends AsyncDisposable {
  /** The name in its certificate. */
  readonly uri: string;
  /** Of its job. */
  readonly token: string;
  readonly tls: WorkerTls;
}

const answerWithinMs = 10_000;
const lookEveryMs = 5000;
const [leastBackOffMs, mostBackOffMs] = [1000, 30_000];
/** Time for a third of the life remains if the controller is away just then. */
const renewAtPart = 2 / 3;

/**
 * The first certificate; waits for the controller for as long as the signal lets it. Throws what the controller refuses for
 * good, e.g. `CertificateRefused`.
 */
export async function openIdentity(options: IdentityOptions, signal: AbortSignal): Promise<Identity> {
  const { clock, log, random } = options;
  for (let tries = 0; ; tries++) {
    try {
      return new RenewedIdentity(options, await issue(options, signal));
    } catch (error) {
      signal.throwIfAborted();
      const isRefused = EspalierError.is(error, 'CertificateRefused') || EspalierError.is(error, 'CallerUnknown');
      if (isRefused || !(error instanceof EspalierError)) throw error;
      log.warn('no certificate yet', { error: String(error) });
      await clock.sleep(backOffMs(tries, random), signal);
    }
  }
}

interface Issued {
  readonly certificates: Certificates;
  readonly uri: string;
  readonly token: string;
  /** By the monotonic clock. */
  readonly issuedAtMs: number;
  readonly lifeMs: number;
}

class RenewedIdentity implements Identity {
  readonly uri: string;
  readonly token: string;
  readonly tls: WorkerTls;
  readonly #options: IdentityOptions;
  readonly #certificates: RenewableCertificates;
  readonly #stop = new AbortController();
  readonly #renewing: Promise<void>;

  constructor(options: IdentityOptions, first: Issued) {
    this.#options = options;
    this.uri = first.uri;
    this.token = first.token;
    this.#certificates = new RenewableCertificates(first.certificates);
    this.tls = workerTls(first.uri, this.#certificates);
    this.#renewing = this.#renew(first).catch((error: unknown) => {
      if (!this.#stop.signal.aborted)
        options.log.error('certificates are not renewed any more', { error: String(error) });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new DOMException('the worker ends', 'AbortError'));
    await this.#renewing;
  }

  /** Nothing under way is touched: only handshakes that come later see what is new. */
  async #renew(first: Issued): Promise<void> {
    const { clock, log, random, paths } = this.#options;
    const { signal } = this.#stop;
    let mounted = await readIfThere(paths.authority);
    let renewAtMs = renewalMs(first, random);
    for (let failures = 0; ; ) {
      await clock.sleep(lookEveryMs, signal);
      const now = await readIfThere(paths.authority);
      if (now && mounted?.equals(now) !== true) {
        mounted = now;
        this.#certificates.replace({ ...this.#certificates.current(), authority: now });
        log.info('the authority was replaced');
      }
      if (clock.monotonic() < renewAtMs) continue;
      try {
        const issued = await issue(this.#options, signal);
        this.#certificates.replace(issued.certificates);
        renewAtMs = renewalMs(issued, random);
        failures = 0;
      } catch (error) {
        signal.throwIfAborted();
        // Also after a refusal: connections that are there live on, and the next answer may be another.
        log.warn('the certificate could not be renewed', { error: String(error) });
        renewAtMs = clock.monotonic() + backOffMs(failures++, random);
      }
    }
  }
}

/** What is mounted is read each time: token and authority are replaced while the pod lives. */
async function issue({ transport, controller, paths, clock }: IdentityOptions, signal: AbortSignal): Promise<Issued> {
  const [token, authority] = await Promise.all([
    readFile(paths.podToken, 'utf8'),
    readFile(paths.controllerAuthority).then((pem) => (pem.length > 0 ? pem : undefined)),
  ]);
  const { request, key } = await newCertificateRequest();
  const tls = { certificates: fixedCertificates(authority ? { authority } : {}) };
  const connection = transport.connect(controller, { token: token.trim(), tls });
  try {
    const options = { signal, timeoutMs: answerWithinMs };
    return issuedOf(await connection.client('Identity').issue({ certificateRequest: request }, options), key, clock);
  } finally {
    connection.close();
  }
}

const issuedOf = (
  { certificate, authority, identity, expiresMs, jobToken }: IssueReply,
  key: string,
  clock: Clock,
): Issued => ({
  certificates: {
    own: { certificate: Buffer.from(certificate), key: Buffer.from(key) },
    authority: Buffer.from(authority),
  },
  uri: identity,
  token: jobToken,
  issuedAtMs: clock.monotonic(),
  lifeMs: expiresMs - clock.now(),
});

/** Workers of one job do not all come at once. */
const renewalMs = ({ issuedAtMs, lifeMs }: Issued, random: () => number): number =>
  issuedAtMs + lifeMs * renewAtPart * (0.9 + 0.1 * random());

const backOffMs = (failures: number, random: () => number): number =>
  Math.min(mostBackOffMs, leastBackOffMs * 2 ** failures) * (0.5 + 0.5 * random());

const readIfThere = (path: string): Promise<Buffer | undefined> => readFile(path).catch(() => undefined);

/** Shards come from siblings alone, orders from the controller alone. */
const workerTls = (own: string, certificates: RenewableCertificates): WorkerTls => ({
  server: {
    certificates,
    trusts: (uri, service) =>
      (service === 'Exchange' && isSibling(own, uri)) || (service === 'Worker' && uri === controllerUri),
  },
  to: (member) => ({ certificates, trusts: (uri) => uri === siblingUri(own, member) }),
});
