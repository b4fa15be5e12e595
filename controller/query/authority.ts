import 'reflect-metadata';
import { createHmac, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import type { Clock } from '../../common/clock.js';

/** Certificate and key in PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

/** What an authority is made of. */
export interface AuthorityKeys extends KeyPair {
  /** Secrets of the controller are derived from it: 64 hex digits that outlast a rotation. */
  readonly seed: string;
  /** The one before it, after a rotation: certificates that it signed are still good. */
  readonly retired?: {
    /** PEM. */
    readonly certificate: string;
    /** The new authority, signed by the retired one: the way for those who have not heard of the rotation yet. */
    readonly bridge: string;
  };
}

/** Where they live, so that certificates outlast a restart of the controller. */
export interface AuthorityStore {
  read(signal: AbortSignal): Promise<StoredAuthority | undefined>;
  /** `exists` when another controller was first: read again. */
  create(keys: AuthorityKeys, signal: AbortSignal): Promise<'written' | 'exists'>;
  /** Only onto the version that was read. The wish to rotate is fulfilled by it. */
  replace(keys: AuthorityKeys, version: string, signal: AbortSignal): Promise<'written' | 'changed'>;
}

export interface StoredAuthority {
  readonly keys: AuthorityKeys;
  readonly version: string;
  /** An operator asked for a new authority. */
  readonly isRotationWanted: boolean;
}

export interface Issued {
  /** PEM. */
  readonly certificate: string;
  readonly expiresMs: number;
}

/** Signs the certificates of workers (by URI name) and of the controller's own server (by DNS name). */
export interface CertificateAuthority {
  /** PEM of whom to trust: the authority and, after a rotation, the one before it. */
  readonly trusted: string;
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
/** Rotated at a start of the controller within the last year of its life. */
const rotateBeforeMs = authorityMs / 10;

// x509 wants the browser's type; Node's is the same at run time.
const crypto = webcrypto as unknown as Parameters<x509.Pkcs10CertificateRequest['verify']>[0];
type Keys = webcrypto.CryptoKeyPair;

/** The stored authority, or a new one that is stored first: where there is none, one was asked for, or it ends soon. */
export async function openAuthority(
  store: AuthorityStore,
  clock: Clock,
  signal: AbortSignal,
): Promise<CertificateAuthority> {
  const stored = await store.read(signal);
  if (stored && !stored.isRotationWanted && !endsSoon(stored.keys, clock)) return authorityOf(stored.keys, clock);
  const keys = await newAuthority(clock, stored?.keys);
  const written = stored ? await store.replace(keys, stored.version, signal) : await store.create(keys, signal);
  if (written === 'written') return authorityOf(keys, clock);
  return openAuthority(store, clock, signal);
}

const endsSoon = ({ certificate }: KeyPair, clock: Clock): boolean =>
  new x509.X509Certificate(certificate).notAfter.getTime() - clock.now() < rotateBeforeMs;

/** In one process only, e.g. on one machine or in tests. */
export function memoryAuthorityStore(): AuthorityStore & { wantRotation(): void } {
  const versions: AuthorityKeys[] = [];
  let isRotationWanted = false;
  return {
    wantRotation() {
      isRotationWanted = true;
    },
    async read() {
      const keys = versions.at(-1);
      return keys && { keys, version: String(versions.length), isRotationWanted };
    },
    async create(keys) {
      if (versions.length > 0) return 'exists';
      versions.push(keys);
      return 'written';
    },
    async replace(keys, version) {
      if (version !== String(versions.length)) return 'changed';
      versions.push(keys);
      isRotationWanted = false;
      return 'written';
    },
  };
}

async function newAuthority(clock: Clock, before: AuthorityKeys | undefined): Promise<AuthorityKeys> {
  const keys = await newKeys();
  const [notBefore, notAfter] = [new Date(clock.now() - skewMs), new Date(clock.now() + authorityMs)];
  // A name of its own, so that nobody who looks for an issuer by name finds the wrong one.
  const name = `CN=espalier ${serial().slice(0, 8)}`;
  const common = { serialNumber: serial(), notBefore, notAfter, signingAlgorithm: algorithm };
  const extensions = [
    // One below it: the authority that comes after it.
    new x509.BasicConstraintsExtension(true, 1, true),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey as never, false, crypto),
  ];
  const root = await x509.X509CertificateGenerator.createSelfSigned(
    { ...common, name, keys: keys as never, extensions },
    crypto,
  );
  const made = { certificate: root.toString('pem'), key: await pemOf(keys.privateKey) };
  if (!before) return { ...made, seed: Buffer.from(webcrypto.getRandomValues(new Uint8Array(32))).toString('hex') };
  const retired = new x509.X509Certificate(before.certificate);
  const bridge = await x509.X509CertificateGenerator.create(
    {
      ...common,
      notAfter: new Date(Math.min(retired.notAfter.getTime(), notAfter.getTime())),
      subject: root.subjectName,
      issuer: retired.subjectName,
      publicKey: keys.publicKey as never,
      signingKey: (await signingKeyOf(before)) as never,
      extensions: [...extensions, await x509.AuthorityKeyIdentifierExtension.create(retired, false, crypto)],
    },
    crypto,
  );
  return { ...made, seed: before.seed, retired: { certificate: before.certificate, bridge: bridge.toString('pem') } };
}

const signingKeyOf = ({ key }: KeyPair): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', derOf(key), algorithm, false, ['sign']);

async function authorityOf(authority: AuthorityKeys, clock: Clock): Promise<CertificateAuthority> {
  const { seed, retired } = authority;
  const issuer = new x509.X509Certificate(authority.certificate);
  const signingKey = await signingKeyOf(authority);
  const issuerId = await x509.AuthorityKeyIdentifierExtension.create(issuer, false, crypto);
  const sign = async (publicKey: unknown, names: x509.JsonGeneralNames, lifeMs: number): Promise<Issued> => {
    const expiresMs = clock.now() + lifeMs;
    const certificate = await x509.X509CertificateGenerator.create(
      {
        serialNumber: serial(),
        // The names say who it is; a subject has no room for them.
        subject: '',
        issuer: issuer.subjectName,
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
    return { certificate: chained(certificate.toString('pem'), retired?.bridge), expiresMs };
  };
  return {
    trusted: chained(authority.certificate, retired?.certificate),
    derive: (purpose) => createHmac('sha256', seed).update(purpose).digest('hex'),
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

/** PEM after PEM. */
const chained = (first: string, second: string | undefined): string =>
  second === undefined ? first : `${first.trimEnd()}\n${second}`;

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
