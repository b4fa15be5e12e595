import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type * as https from 'node:https';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';

/** Where an API server is, and how a request shows who asks. A KubeConfig is one. */
export type ApiAccess = Pick<KubeConfig, 'applyToHTTPSOptions'> & {
  getCurrentCluster(): { readonly server: string; readonly proxyUrl?: string | undefined } | null;
};

type Environment = Readonly<Record<string, string | undefined>>;

const account = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Inside a pod its service account, elsewhere KUBECONFIG or ~/.kube/config. Certificates and tokens are read here; the client
 * library, which takes 75 MB of memory, is loaded for what it alone knows: plugins, several files, proxies.
 */
export async function accessOfEnvironment(environment: Environment, folder = account): Promise<ApiAccess> {
  const { KUBECONFIG, KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment;
  const path = KUBECONFIG || join(environment.HOME || homedir(), '.kube', 'config');
  if (!KUBECONFIG && !existsSync(path) && host && existsSync(join(folder, 'token')))
    return {
      getCurrentCluster: () => ({ server: `https://${host.includes(':') ? `[${host}]` : host}:${port}` }),
      async applyToHTTPSOptions(options) {
        const [ca, token] = await Promise.all(['ca.crt', 'token'].map((name) => readFile(join(folder, name), 'utf8')));
        Object.assign(options, { ca, headers: bearer(token!) });
      },
    };
  const plain = existsSync(path) ? plainAccess(readFileSync(path, 'utf8'), dirname(path)) : undefined;
  if (plain) return plain;
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  config.loadFromDefault();
  return config;
}

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly { readonly name: string; readonly context?: { cluster?: string; user?: string } }[];
  readonly clusters?: readonly { readonly name: string; readonly cluster?: Fields }[];
  readonly users?: readonly { readonly name: string; readonly user?: Fields }[];
}
type Fields = Readonly<Record<string, unknown>>;

const knownOfCluster = ['server', 'certificate-authority', 'certificate-authority-data'];
const knownOfUser = [
  'token',
  'tokenFile',
  ...['client-certificate', 'client-key'].flatMap((name) => [name, `${name}-data`]),
];

/** Undefined when it holds anything that is not understood here: nothing is left out silently. */
export function plainAccess(text: string, folder: string): ApiAccess | undefined {
  const config = parsed(text);
  const context = config?.contexts?.find(({ name }) => name === config['current-context'])?.context;
  const cluster = config?.clusters?.find(({ name }) => name === context?.cluster)?.cluster;
  const user = config?.users?.find(({ name }) => name === context?.user)?.user;
  if (!cluster || !user || typeof cluster.server !== 'string') return undefined;
  const { server } = cluster;
  const isKnown = (fields: Fields, known: readonly string[]) =>
    Object.entries(fields).every(([name, value]) => known.includes(name) && typeof value === 'string');
  if (!isKnown(cluster, knownOfCluster) || !isKnown(user, knownOfUser)) return undefined;
  const pem = async (fields: Fields, name: string): Promise<string | undefined> => {
    const [inline, path] = [fields[`${name}-data`], fields[name]] as [string?, string?];
    if (inline) return Buffer.from(inline, 'base64').toString();
    return path ? readFile(resolve(folder, path), 'utf8') : undefined;
  };
  return {
    getCurrentCluster: () => ({ server }),
    async applyToHTTPSOptions(options: https.RequestOptions) {
      const { token, tokenFile } = user as { token?: string; tokenFile?: string };
      const shown = tokenFile ? await readFile(resolve(folder, tokenFile), 'utf8') : token;
      const [ca, cert, key] = await Promise.all([
        pem(cluster, 'certificate-authority'),
        pem(user, 'client-certificate'),
        pem(user, 'client-key'),
      ]);
      Object.assign(options, { ca, cert, key, ...(shown && { headers: bearer(shown) }) });
    },
  };
}

function parsed(text: string): Kubeconfig | undefined {
  try {
    return parse(text) as Kubeconfig;
  } catch {
    // The library says what is wrong with it.
    return undefined;
  }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token.trim()}` });
