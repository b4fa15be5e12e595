import { systemClock } from '../../common/clock.js';
import { type CertificateAuthority, memoryAuthorityStore, openAuthority } from '../../controller/query/authority.js';
import { fixedCertificates } from '../../proto/tls.js';
import type { CertificateSource, Certificates } from '../../proto/transport.js';
import { newCertificateRequest } from '../../worker/pod/certificateRequest.js';

/** As a worker makes one. */
export const aCertificateRequest = () => newCertificateRequest();

export const anAuthority = (clock = systemClock): Promise<CertificateAuthority> =>
  openAuthority(memoryAuthorityStore(), clock, new AbortController().signal);

/** A fresh key and its certificate, as a worker gets it. */
export async function certificatesFor(authority: CertificateAuthority, uri: string): Promise<Certificates> {
  const { request, key } = await newCertificateRequest();
  const { certificate } = await authority.issueFor(request, uri);
  return {
    own: { certificate: Buffer.from(certificate), key: Buffer.from(key) },
    authority: Buffer.from(authority.trusted),
  };
}

export const fixedFor = async (authority: CertificateAuthority, uri: string): Promise<CertificateSource> =>
  fixedCertificates(await certificatesFor(authority, uri));

/** Certificates that ended an hour ago. */
export const longAgo = { ...systemClock, now: () => systemClock.now() - 2 * 3_600_000 };
