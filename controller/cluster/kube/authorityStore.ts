import { sha256 } from '../../../common/hash.js';
import type { AuthorityKeys, AuthorityStore } from '../../query/authority.js';
import { fieldManager, type KubeClient } from './client.js';
import type { V1Secret } from './objects.js';
import { resources } from './resources.js';

/** Set by an operator; the next start of the controller makes a new authority and takes it away. */
export const rotateAnnotation = 'espalier.dev/rotate';

/** The authority's keys in one Secret of the controller's namespace: made once, read after each restart. */
export const kubeAuthorityStore = (
  client: KubeClient,
  at: { readonly namespace: string; readonly name: string },
): AuthorityStore => ({
  async read(signal) {
    const secret = await client.get(resources.secrets, at, signal);
    const keys = secret && keysOf(secret);
    return (
      keys && {
        keys,
        version: secret.metadata?.resourceVersion ?? '',
        isRotationWanted: secret.metadata?.annotations?.[rotateAnnotation] !== undefined,
      }
    );
  },
  async create(keys, signal) {
    return (await client.create(resources.secrets, secretOf(at, keys), signal)) === 'exists' ? 'exists' : 'written';
  },
  async replace(keys, version, signal) {
    const secret = secretOf({ ...at, resourceVersion: version }, keys);
    const answer = await client.replace(resources.secrets, secret, signal);
    return typeof answer === 'string' ? 'changed' : 'written';
  },
});

function keysOf({ data }: V1Secret): AuthorityKeys | undefined {
  const [certificate, key, seed, retired, bridge] = names.map((name) => decoded(data?.[name]));
  if (!certificate || !key) return undefined;
  return {
    certificate,
    key,
    // An authority that an operator brought along has none.
    seed: seed || sha256(key),
    ...(retired && bridge && { retired: { certificate: retired, bridge } }),
  };
}

const names = ['tls.crt', 'tls.key', 'seed', 'retired.crt', 'bridge.crt'] as const;

const secretOf = (metadata: V1Secret['metadata'], { certificate, key, seed, retired }: AuthorityKeys): V1Secret => {
  const values = [certificate, key, seed, retired?.certificate, retired?.bridge];
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...metadata },
    type: 'kubernetes.io/tls',
    data: Object.fromEntries(names.flatMap((name, at) => (values[at] ? [[name, encoded(values[at])]] : []))),
  };
};

/** Writes whom to trust into the ConfigMap that the chart made for it, for clients and for `helm test`. */
export async function publishAuthority(
  client: KubeClient,
  at: { readonly namespace: string; readonly name: string },
  trusted: string,
  signal: AbortSignal,
): Promise<void> {
  const configMap = { metadata: { ...at }, data: { 'ca.crt': trusted } };
  await client.apply(resources.configMaps, configMap, { manager: fieldManager, signal });
}

const decoded = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString();
const encoded = (text: string): string => Buffer.from(text).toString('base64');
