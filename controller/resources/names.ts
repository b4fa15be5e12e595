import { apiVersion, group, kind } from '../../api/fineTuneJob.js';
import type { KubernetesObject, V1ObjectMeta, V1OwnerReference } from '../cluster/kube/objects.js';

/** Whose children these are. */
export interface Owner {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export const labels = {
  job: `${group}/job`,
  jobUid: `${group}/job-uid`,
  role: `${group}/role`,
  managedBy: 'app.kubernetes.io/managed-by',
} as const;
export const managedBy = 'espalier';
export type Role = 'preflight' | 'worker' | 'config' | 'view' | 'access';

/** Everything that the controller has made for a job, and nothing else. */
export const childSelector = `${labels.managedBy}=${managedBy},${labels.job}`;

export const childNames = {
  job: (name: string) => `${name}-job`,
  recipe: (name: string) => `${name}-recipe`,
  view: (name: string) => `${name}-view`,
  preflight: (name: string, tries: number) => `${name}-preflight-${tries}`,
  workers: (name: string, attempt: number) => `${name}-${attempt}`,
  disruptionBudget: (name: string) => `${name}-workers`,
  networkPolicy: (name: string) => `${name}-workers`,
} as const;

export const labelsOf = ({ name, uid }: Owner, role: Role): Record<string, string> => ({
  [labels.managedBy]: managedBy,
  [labels.job]: name,
  [labels.jobUid]: uid,
  [labels.role]: role,
});

export const workerSelector = ({ name, uid }: Owner): Record<string, string> => ({
  [labels.job]: name,
  [labels.jobUid]: uid,
  [labels.role]: 'worker',
});

/** For `status.workers.selector`. */
export const selectorText = (selector: Readonly<Record<string, string>>): string =>
  Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');

/** The API server removes what is owned when the job goes. */
export const metadataOf = (owner: Owner, name: string, role: Role): V1ObjectMeta => ({
  namespace: owner.namespace,
  name,
  labels: labelsOf(owner, role),
  ownerReferences: [ownerReference(owner)],
});

const ownerReference = ({ name, uid }: Owner): V1OwnerReference => ({
  apiVersion,
  kind,
  name,
  uid,
  controller: true,
  blockOwnerDeletion: true,
});

/** Of all jobs of a namespace: whom their pods trust. */
export const trustName = 'espalier-trust';
const trustLabels = { [labels.managedBy]: managedBy, [labels.role]: 'access' satisfies Role };
export const trustSelector = `${labels.managedBy}=${managedBy}`;

/** Nobody owns it: it stays when the last job goes, as the API server's own `kube-root-ca.crt` does. */
export const trustMetadata = (namespace: string): V1ObjectMeta => ({
  namespace,
  name: trustName,
  labels: { ...trustLabels },
});

/** Made by this controller or an earlier one for all jobs of its namespace: one of that name without our labels is never touched. */
export const isOfNamespace = ({ metadata }: KubernetesObject): boolean =>
  metadata?.name === trustName &&
  Object.entries(trustLabels).every(([name, value]) => metadata.labels?.[name] === value);

/** Made for this very job: one of the same name with another owner is never touched. */
export const isOwnedBy = ({ metadata }: KubernetesObject, uid: string): boolean =>
  metadata?.ownerReferences?.some((reference) => reference.controller && reference.uid === uid) ?? false;
