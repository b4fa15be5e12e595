import type {
  CoreV1Event,
  V1ConfigMap,
  V1Job,
  V1Lease,
  V1NetworkPolicy,
  V1Pod,
  V1PodDisruptionBudget,
  V1Secret,
} from '@kubernetes/client-node';
import { group, kind, version } from '../../../api/fineTuneJob.js';
import type { FineTuneJobObject } from './objects.js';

/** One kind of object of the API server: where it lives, and the type of what comes from there. */
export interface Resource<T> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  /** Never present: carries the type. */
  readonly of?: T;
}

const resource = <T>(apiVersion: string, kindName: string, plural: string): Resource<T> => ({
  apiVersion,
  kind: kindName,
  plural,
});

/** Every kind that the controller touches; `rbac.ts` says with which verbs. */
export const resources = {
  fineTuneJobs: resource<FineTuneJobObject>(`${group}/${version}`, kind, 'finetunejobs'),
  jobs: resource<V1Job>('batch/v1', 'Job', 'jobs'),
  pods: resource<V1Pod>('v1', 'Pod', 'pods'),
  configMaps: resource<V1ConfigMap>('v1', 'ConfigMap', 'configmaps'),
  secrets: resource<V1Secret>('v1', 'Secret', 'secrets'),
  disruptionBudgets: resource<V1PodDisruptionBudget>('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  networkPolicies: resource<V1NetworkPolicy>('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies'),
  leases: resource<V1Lease>('coordination.k8s.io/v1', 'Lease', 'leases'),
  events: resource<CoreV1Event>('v1', 'Event', 'events'),
} as const;

/** `/apis/batch/v1/namespaces/ns/jobs/name/status`; without a namespace: of all namespaces. */
export function pathOf(
  { apiVersion, plural }: Pick<Resource<unknown>, 'apiVersion' | 'plural'>,
  at: { readonly namespace?: string | undefined; readonly name?: string; readonly subresource?: string } = {},
): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const within = at.namespace === undefined ? '' : `/namespaces/${encodeURIComponent(at.namespace)}`;
  const tail = [at.name, at.subresource]
    .filter((part) => part !== undefined)
    .map((part) => `/${encodeURIComponent(part)}`);
  return `${root}${within}/${plural}${tail.join('')}`;
}
