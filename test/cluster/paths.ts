import { homedir } from 'node:os';
import { join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where the cluster keeps what: `cache` outlives it, `state` is gone after `down`. */
export interface Paths {
  readonly tools: string;
  readonly images: string;
  /** Image store of a node's containerd: kept, so that images are unpacked once. */
  imageStore(node: string): string;
  readonly state: string;
  readonly pki: string;
  readonly logs: string;
  readonly processes: string;
  readonly kubeconfig: string;
  node(name: string): string;
}

/** The state has one fixed place, because a bridge and addresses of the machine allow one cluster at a time. */
const state = '/var/lib/espalier-cluster';

export const lockFile = `${state}.lock`;

export function pathsFor(environment: Environment): Paths {
  const cache = cacheRoot(environment);
  return {
    tools: join(cache, 'tools'),
    images: join(cache, 'images'),
    imageStore: (node) => join(cache, 'cluster', node),
    state,
    pki: join(state, 'pki'),
    logs: join(state, 'logs'),
    processes: join(state, 'processes'),
    kubeconfig: join(state, 'kubeconfig'),
    node: (name) => join(state, name),
  };
}

export function cacheRoot({ ESPALIER_CACHE, XDG_CACHE_HOME }: Environment): string {
  if (ESPALIER_CACHE) return ESPALIER_CACHE;
  return join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'espalier');
}
