import type { AuthorityStore } from '../../query/authority.js';
import { fieldManager, type KubeClient } from './client.js';
import { resources } from './resources.js';

/** The authority's pair in one Secret of the controller's namespace: made once, read after each restart. */
export const kubeAuthorityStore = (
  client: KubeClient,
  at: { readonly namespace: string; readonly name: string },
): AuthorityStore => ({
  async read(signal) {
    const secret = await client.get(resources.secrets, at, signal);
    const [certificate, key] = [decoded(secret?.data?.['tls.crt']), decoded(secret?.data?.['tls.key'])];
    return certificate && key ? { certificate, key } : undefined;
  },
  async create({ certificate, key }, signal) {
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { ...at },
      type: 'kubernetes.io/tls',
      data: { 'tls.crt': encoded(certificate), 'tls.key': encoded(key) },
    };
    return (await client.create(resources.secrets, secret, signal)) === 'exists' ? 'exists' : 'written';
  },
});

/** Writes whom to trust into the ConfigMap that the chart made for it, for clients and for `helm test`. */
export async function publishAuthority(
  client: KubeClient,
  at: { readonly namespace: string; readonly name: string },
  certificate: string,
  signal: AbortSignal,
): Promise<void> {
  const configMap = { metadata: { ...at }, data: { 'ca.crt': certificate } };
  await client.apply(resources.configMaps, configMap, { manager: fieldManager, signal });
}

const decoded = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString();
const encoded = (text: string): string => Buffer.from(text).toString('base64');
