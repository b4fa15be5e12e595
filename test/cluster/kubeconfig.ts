import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { apiUrl } from './plan.js';

/** Writes a kubeconfig with everything inline, so that the file alone is enough wherever it is copied. */
export async function writeKubeconfig(pki: string, identity: string, file: string): Promise<void> {
  const [authority, certificate, key] = await Promise.all(
    ['ca.crt', `${identity}.crt`, `${identity}.key`].map((name) => readFile(join(pki, name), 'base64')),
  );
  const name = 'espalier';
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    contexts: [{ name, context: { cluster: name, user: identity } }],
    clusters: [{ name, cluster: { server: apiUrl, 'certificate-authority-data': authority } }],
    users: [{ name: identity, user: { 'client-certificate-data': certificate, 'client-key-data': key } }],
  };
  await writeFile(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
}
