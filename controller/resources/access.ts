import { createHmac } from 'node:crypto';
import type { V1NetworkPolicy, V1PodDisruptionBudget } from '../cluster/kube/objects.js';
import type { Settings } from '../settings.js';
import { childNames, labels, metadataOf, type Owner, workerSelector } from './names.js';

/**
 * By which workers of a job know each other and the controller. Derived, and told to a pod together with its certificate, so
 * that no Secret holds it.
 */
export const tokenOf = (masterKey: string, { uid }: Pick<Owner, 'uid'>): string =>
  createHmac('sha256', masterKey).update(`espalier job ${uid}`).digest('hex');

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

/** Who may speak to workers: those of the same job and the controller. Whom workers may speak to: those, DNS, and the operator's list. */
export function workerNetworkPolicy(owner: Owner, { networkPolicy, workerPort }: Settings): V1NetworkPolicy {
  const { controllerLabels, controllerNamespace, egress, allowMetadata } = networkPolicy;
  const family = { podSelector: { matchLabels: workerSelector(owner) } };
  const controller = {
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': controllerNamespace } },
    podSelector: { matchLabels: { ...controllerLabels } },
  };
  const dns = ['UDP', 'TCP'].map((protocol) => ({ port: 53, protocol }));
  const metadataAddress = { to: [{ ipBlock: { cidr: '169.254.169.254/32' } }] };
  const spec = {
    // The preflight too: it reaches base, data and store with the same rights.
    podSelector: { matchLabels: { [labels.job]: owner.name, [labels.jobUid]: owner.uid } },
    policyTypes: ['Ingress', 'Egress'],
    // The client's types call it `_from`; on the wire it is this.
    ingress: [{ ports: [{ port: workerPort, protocol: 'TCP' }], from: [family, controller] }],
    egress: [
      { to: [family, controller] },
      { ports: dns },
      ...(allowMetadata ? [metadataAddress] : []),
      ...(egress as object[]),
    ],
  };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: metadataOf(owner, childNames.networkPolicy(owner.name), 'worker'),
    spec: spec as V1NetworkPolicy['spec'] & object,
  };
}
