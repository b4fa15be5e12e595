import type { Cluster, OwnCluster } from '../../cluster/cluster.js';
import type { Blow, FaultCase } from '../place.js';
import type { KubeApi } from './kubeApi.js';
import type { RunningJob } from './runningJob.js';

/** What a fault in a cluster may touch. */
export interface Scene extends Blow {
  readonly job: RunningJob;
  readonly cluster: Cluster;
  readonly api: KubeApi;
  readonly namespace: string;
}

export interface ClusterCase extends FaultCase<Scene> {
  /** What not every cluster has. */
  readonly needs?: keyof typeof needs;
}

/** Undefined: it is there; else why it is not. */
export const needs = {
  machineRoom: ({ own }) => (own ? undefined : 'the machine room of your cluster is not ours'),
  twoNodes: ({ nodes }) => (nodes.length > 1 ? undefined : 'the cluster has one node alone'),
} satisfies Readonly<Record<string, (cluster: Cluster) => string | undefined>>;

export function machineRoom({ cluster: { own } }: Scene): OwnCluster {
  if (own === undefined) throw new Error('a fault that needs a machine room came to a cluster without one');
  return own;
}
