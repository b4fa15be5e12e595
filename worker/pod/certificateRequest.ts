import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

export interface CertificateRequest {
  /** PKCS #10 in PEM, without names: those are the controller's to give. */
  readonly request: string;
  /** PKCS #8 in PEM: never written anywhere. */
  readonly key: string;
}

/** A fresh key that stays in this process, and the request to have it certified. */
export async function newCertificateRequest(): Promise<CertificateRequest> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    { name: '', keys: keys as never, signingAlgorithm: algorithm },
    // x509 wants the browser's type; Node's is the same at run time.
    webcrypto as never,
  );
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
  return { request: request.toString('pem'), key: x509.PemConverter.encode(key, x509.PemConverter.PrivateKeyTag) };
}
