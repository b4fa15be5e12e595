import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { controllerUri } from '../../api/podIdentity.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { RenewableCertificates } from '../../proto/tls.js';
import type { CertificateSource, Certificates } from '../../proto/transport.js';
import type { CertificateAuthority } from './authority.js';

interface Deps {
  readonly clock: Clock;
  readonly log: Logger;
}

/** They last a day. */
const renewEveryMs = 16 * 3_600_000;
const lookEveryMs = 60_000;

/** What the controller shows to workers and, where the operator has no certificate of their own, to callers. */
export async function ownCertificates(
  authority: CertificateAuthority,
  dnsNames: readonly string[],
  { clock, log }: Deps,
  signal: AbortSignal,
): Promise<CertificateSource> {
  const next = async (): Promise<Certificates> => {
    const own = await authority.issueServer({ uri: controllerUri, dns: ['localhost', ...dnsNames] });
    return {
      own: { certificate: Buffer.from(own.certificate), key: Buffer.from(own.key) },
      authority: Buffer.from(authority.trusted),
    };
  };
  return replacing(await next(), next, renewEveryMs, { clock, log }, signal);
}

/** The operator's certificate for the status server, in a mounted Secret that e.g. cert-manager renews. */
export async function mountedCertificates(folder: string, deps: Deps, signal: AbortSignal): Promise<CertificateSource> {
  const next = async (): Promise<Certificates> => {
    const [certificate, key] = await Promise.all(['tls.crt', 'tls.key'].map((file) => readFile(join(folder, file))));
    return { own: { certificate: certificate!, key: key! } };
  };
  return replacing(await next(), next, lookEveryMs, deps, signal);
}

/** Whom to trust for it: `ca.crt` beside it, as cert-manager writes it. Undefined: one of the authorities that every system knows. */
export const mountedAuthority = (folder: string): Promise<string | undefined> =>
  readFile(join(folder, 'ca.crt'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });

function replacing(
  first: Certificates,
  next: () => Promise<Certificates>,
  everyMs: number,
  { clock, log }: Deps,
  signal: AbortSignal,
): CertificateSource {
  const certificates = new RenewableCertificates(first);
  const keepNew = async () => {
    for (;;) {
      await clock.sleep(everyMs, signal);
      const newest = await next().catch((error: unknown) => {
        log.warn('a certificate could not be renewed', { error: String(error) });
      });
      if (newest && isOther(newest, certificates.current())) certificates.replace(newest);
    }
  };
  // Ends with the signal alone.
  void keepNew().catch(() => {});
  return certificates;
}

const isOther = (one: Certificates, other: Certificates): boolean =>
  one.own?.certificate.equals(other.own?.certificate ?? Buffer.alloc(0)) === false;
