import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { nodePlans, plan } from './plan.js';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const days = 86_400_000;

interface Identity {
  readonly file: string;
  readonly subject: string;
  readonly names?: readonly x509.JsonGeneralName[];
}

/** Who takes part in the cluster; Kubernetes reads the user from CN and the groups from O. */
const identities: readonly Identity[] = [
  {
    file: 'apiserver',
    subject: 'CN=kube-apiserver',
    names: [
      ...['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'].map(dnsName),
      ...['127.0.0.1', plan.hostIp, plan.apiServiceIp].map(ipName),
    ],
  },
  { file: 'apiserver-kubelet-client', subject: 'O=system:masters, CN=apiserver-kubelet-client' },
  { file: 'admin', subject: 'O=system:masters, CN=admin' },
  { file: 'controller-manager', subject: 'CN=system:kube-controller-manager' },
  { file: 'scheduler', subject: 'CN=system:kube-scheduler' },
  { file: 'proxy', subject: 'CN=system:kube-proxy' },
  ...nodePlans.map(({ name, ip }) => ({
    file: name,
    subject: `O=system:nodes, CN=system:node:${name}`,
    names: [dnsName(name), ipName(ip)],
  })),
];

/** Writes ca.crt, a certificate and key per identity, and the key pair that signs service account tokens. */
export async function writePki(folder: string): Promise<void> {
  x509.cryptoProvider.set(webcrypto);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const keys = await generate();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=espalier-test-cluster',
    keys,
    notBefore: new Date(Date.now() - days),
    notAfter: new Date(Date.now() + 365 * days),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  await writeFile(join(folder, 'ca.crt'), authority.toString('pem'));
  await Promise.all(identities.map((identity) => writeLeaf(folder, identity, { authority, keys })));
  const tokens = await generate();
  await writeKey(join(folder, 'service-accounts.key'), tokens.privateKey);
  const verifier = await webcrypto.subtle.exportKey('spki', tokens.publicKey);
  await writeFile(join(folder, 'service-accounts.pub'), x509.PemConverter.encode(verifier, 'PUBLIC KEY'));
}

async function writeLeaf(
  folder: string,
  { file, subject, names }: Identity,
  { authority, keys }: { authority: x509.X509Certificate; keys: webcrypto.CryptoKeyPair },
): Promise<void> {
  const own = await generate();
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: authority.subject,
    publicKey: own.publicKey,
    signingKey: keys.privateKey,
    notBefore: new Date(Date.now() - days),
    notAfter: new Date(Date.now() + 365 * days),
    signingAlgorithm: algorithm,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      ...(names ? [new x509.SubjectAlternativeNameExtension([...names])] : []),
    ],
  });
  await writeFile(join(folder, `${file}.crt`), certificate.toString('pem'));
  await writeKey(join(folder, `${file}.key`), own.privateKey);
}

async function generate(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
}

async function writeKey(file: string, key: webcrypto.CryptoKey): Promise<void> {
  const der = await webcrypto.subtle.exportKey('pkcs8', key);
  await writeFile(file, x509.PemConverter.encode(der, 'PRIVATE KEY'), { mode: 0o600 });
}

function dnsName(value: string): x509.JsonGeneralName {
  return { type: 'dns', value };
}

function ipName(value: string): x509.JsonGeneralName {
  return { type: 'ip', value };
}
