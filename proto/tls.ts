import { ChannelCredentials, experimental, ServerCredentials } from '@grpc/grpc-js';
import type { CertificateSource, Certificates, ClientTls, ServerTls } from './transport.js';

/** Certificates that are never replaced. */
export const fixedCertificates = (certificates: Certificates): CertificateSource => ({ current: () => certificates });

/** Certificates that their owner replaces before they expire. */
export class RenewableCertificates implements CertificateSource {
  readonly #listeners = new Set<() => void>();
  #current: Certificates;

  constructor(first: Certificates) {
    this.#current = first;
  }

  readonly current = (): Certificates => this.#current;

  readonly onRenewed = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  replace(next: Certificates): void {
    this.#current = next;
    for (const listener of [...this.#listeners]) listener();
  }
}

export function serverCredentials(tls: ServerTls | undefined): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure();
  const provider = providerOf(tls.certificates);
  // The declared names of the two providers are the wrong way round: the one that may be missing tells whom to trust.
  return experimental.createCertificateProviderServerCredentials(provider, tls.trusts ? provider : null, true);
}

export function channelCredentials(tls: ClientTls | undefined): ChannelCredentials {
  if (!tls) return ChannelCredentials.createInsecure();
  const { own, authority } = tls.certificates.current();
  const verify = identityCheck(tls);
  // The system's roots are nobody's to replace.
  if (!authority) return ChannelCredentials.createSsl(null, own?.key, own?.certificate, verify);
  const provider = providerOf(tls.certificates);
  return experimental.createCertificateProviderChannelCredentials(provider, own ? provider : null, verify);
}

/** With `trusts`, the URI names decide instead of the host name; the chain is verified either way. */
const identityCheck = ({ trusts }: ClientTls) =>
  trusts
    ? {
        checkServerIdentity: (_host: string, certificate: { readonly subjectaltname?: string }) =>
          uriNames(certificate.subjectaltname).some(trusts)
            ? undefined
            : new Error(`the certificate is of ${certificate.subjectaltname ?? 'nobody'}`),
      }
    : {};

/** `URI:spiffe://..., IP Address:...` -> the URIs. A name with a comma comes quoted and is none of ours. */
export const uriNames = (names: string | undefined): readonly string[] =>
  (names ?? '')
    .split(', ')
    .filter((name) => name.startsWith('URI:'))
    .map((name) => name.slice(4));

/** A source as grpc-js asks for it: each handshake then takes what is current, and nothing under way is touched. */
function providerOf({ current, onRenewed }: CertificateSource): experimental.CertificateProvider {
  const stops = new Map<object, () => void>();
  const follow = (listener: object, tell: () => void): void => {
    stops.set(listener, onRenewed?.(tell) ?? (() => {}));
    // Not at once: a server adds the listener before it is ready to hear.
    queueMicrotask(() => {
      if (stops.has(listener)) tell();
    });
  };
  const leave = (listener: object): void => {
    stops.get(listener)?.();
    stops.delete(listener);
  };
  return {
    addCaCertificateListener: (listener) =>
      follow(listener, () => {
        const { authority } = current();
        listener(authority ? { caCertificate: authority } : null);
      }),
    removeCaCertificateListener: leave,
    addIdentityCertificateListener: (listener) =>
      follow(listener, () => {
        const { own } = current();
        listener(own ? { certificate: own.certificate, privateKey: own.key } : null);
      }),
    removeIdentityCertificateListener: leave,
  };
}
