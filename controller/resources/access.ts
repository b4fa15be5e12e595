import { createHmac } from 'node:crypto';
import type { V1NetworkPolicy, V1PodDisruptionBudget, V1Secret } from '../cluster/kube/objects.js';
import type { Settings } from '../settings.js';
import { childNames, metadataOf, type Owner, workerSelector } from './names.js';

/**
 * By which workers of a job know each other and the controller. Derived, so that the controller never has to read a Secret:
 * it may only create them.
 */
export const tokenOf = (masterKey: string, { uid }: Owner): string =>
  createHmac('sha256', masterKey).update(`espalier job ${uid}`).digest('hex');

export const tokenSecret = (owner: Owner, token: string): V1Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: metadataOf(owner, childNames.token(owner.name), 'access'),
  type: 'Opaque',
  immutable: true,
  data: { token: Buffer.from(token).toString('base64') },
});

/** At most one worker at a time goes by eviction; one that never became ready never blocks a drain. */
export const disruptionBudget = (owner: Owner, live: number): V1PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: metadataOf(owner, childNames.disruptionBudget(owner.name), 'worker'),
  spec: {
    minAvailable: Math.max(0, live - 1),
    selector: { matchLabels: workerSelector(owner) },
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
  },
});

/** Who may speak to workers: those of the same job, and the controller. */
export function workerNetworkPolicy(owner: Owner, { controllerPods, workerPort }: Settings): V1NetworkPolicy {
  const rule = {
    ports: [{ port: workerPort, protocol: 'TCP' }],
    // The client's type calls it `_from`; on the wire it is this.
    from: [
      { podSelector: { matchLabels: workerSelector(owner) } },
      {
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': controllerPods.namespace } },
        podSelector: { matchLabels: { ...controllerPods.labels } },
      },
    ],
  };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf(owner, childNames.networkPolicy(owner.name), 'worker'),
    spec: { podSelector: { matchLabels: workerSelector(owner) }, policyTypes: ['Ingress'], ingress: [rule] },
  };
}
