import 'reflect-metadata';
import { createHmac, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Clock } from '../../common/clock.js';

/** Certificate and key in PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** Where the authority's own pair lives, so that certificates outlast a restart of the controller. */
export interface AuthorityStore {
  read(signal: AbortSignal): Promise<KeyPair | undefined>;
  /** `exists` when another controller was first: read again. */
  create(pair: KeyPair, signal: AbortSignal): Promise<'written' | 'exists'>;
}

export interface Issued {
  /** PEM. */
  readonly certificate: string;
  readonly expiresMs: number;
}

/** Signs the certificates of workers (by URI name) and of the controller's own server (by DNS name). */
export interface CertificateAuthority {
  /** PEM of whom to trust. */
  readonly certificate: string;
  /** Takes the public key of a PKCS #10 request, after checking that its sender holds the private one. */
  issueFor(request: string, uri: string): Promise<Issued>;
  /** A secret of the controller for this purpose, 64 hex digits: the same after each restart, so nothing else is stored. */
  derive(purpose: string): string;
  /** A fresh key with a certificate for these names. */
  issueServer(names: { readonly uri: string; readonly dns: readonly string[] }): Promise<KeyPair & Issued>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const usages = ['sign', 'verify'] as const;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
/** Clocks of nodes may differ by this much. */
const skewMs = 5 * minuteMs;
const leafMs = hourMs;
const serverMs = 24 * hourMs;
const authorityMs = 10 * 365 * 24 * hourMs;

// x509 wants the browser's type; Node's is the same at run time.
const crypto = webcrypto as unknown as Parameters<x509.Pkcs10CertificateRequest['verify']>[0];
type Keys = webcrypto.CryptoKeyPair;

/** The stored authority, or a new one that is stored first. */
export async function openAuthority(
  store: AuthorityStore,
  clock: Clock,
  signal: AbortSignal,
): Promise<CertificateAuthority> {
  const stored = await store.read(signal);
  if (stored) return authorityOf(stored, clock);
  const pair = await newAuthority(clock);
  if ((await store.create(pair, signal)) === 'written') return authorityOf(pair, clock);
  return openAuthority(store, clock, signal);
}

/** In one process only, e.g. on one machine or in tests. */
export function memoryAuthorityStore(): AuthorityStore {
  const pairs: KeyPair[] = [];
  return {
    read: async () => pairs[0],
    async create(pair) {
      if (pairs.length > 0) return 'exists';
      pairs.push(pair);
      return 'written';
    },
  };
}

async function newAuthority(clock: Clock): Promise<KeyPair> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=espalier',
      keys: keys as never,
      serialNumber: serial(),
      notBefore: new Date(clock.now() - skewMs),
      notAfter: new Date(clock.now() + authorityMs),
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as never, false, crypto),
      ],
    },
    crypto,
  );
  return { certificate: certificate.toString('pem'), key: await pemOf(keys.privateKey) };
}

async function authorityOf(pair: KeyPair, clock: Clock): Promise<CertificateAuthority> {
  const issuer = new x509.X509Certificate(pair.certificate);
  const signingKey = await webcrypto.subtle.importKey('pkcs8', derOf(pair.key), algorithm, false, ['sign']);
  const issuerId = await x509.AuthorityKeyIdentifierExtension.create(issuer, false, crypto);
  const sign = async (publicKey: unknown, names: x509.JsonGeneralNames, lifeMs: number): Promise<Issued> => {
    const expiresMs = clock.now() + lifeMs;
    const certificate = await x509.X509CertificateGenerator.create(
      {
        serialNumber: serial(),
        // The names say who it is; a subject has no room for them.
        subject: '',
        issuer: issuer.subject,
        notBefore: new Date(clock.now() - skewMs),
        notAfter: new Date(expiresMs),
        signingKey: signingKey as never,
        publicKey: publicKey as never,
        signingAlgorithm: algorithm,
        extensions: [
          new x509.BasicConstraintsExtension(false, undefined, true),
          new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
          new x509.SubjectAlternativeNameExtension(names, true),
          issuerId,
        ],
      },
      crypto,
    );
    return { certificate: certificate.toString('pem'), expiresMs };
  };
  return {
    certificate: pair.certificate,
    derive: (purpose) => createHmac('sha256', pair.key).update(purpose).digest('hex'),
    async issueFor(request, uri) {
      const asked = new x509.Pkcs10CertificateRequest(request);
      if (!(await asked.verify(crypto))) throw new Error('the signature of the request is not of its key');
      return sign(asked.publicKey, [{ type: 'url', value: uri }], leafMs);
    },
    async issueServer({ uri, dns }) {
      const keys = await newKeys();
      const names = [{ type: 'url' as const, value: uri }, ...dns.map((value) => ({ type: 'dns' as const, value }))];
      return { ...(await sign(keys.publicKey, names, serverMs)), key: await pemOf(keys.privateKey) };
    },
  };
}

/** A worker's side: a key that stays in its memory and the request to have it certified. */
export async function newRequest(): Promise<{ readonly request: string; readonly key: string }> {
  const keys = await newKeys();
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    { name: '', keys: keys as never, signingAlgorithm: algorithm },
    crypto,
  );
  return { request: request.toString('pem'), key: await pemOf(keys.privateKey) };
}

const newKeys = (): Promise<Keys> => webcrypto.subtle.generateKey(algorithm, true, [...usages]) as Promise<Keys>;

const pemOf = async (key: webcrypto.CryptoKey): Promise<string> =>
  x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), x509.PemConverter.PrivateKeyTag);

const derOf = (pem: string): ArrayBuffer => x509.PemConverter.decodeFirst(pem);

/** 127 random bits: positive, as the format wants. */
function serial(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0]! &= 0x7f;
  return Buffer.from(bytes).toString('hex');
}
