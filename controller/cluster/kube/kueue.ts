import type { Admission } from '../cluster.js';
import type { KubeClient } from './client.js';
import { pathOf } from './resources.js';

interface Workload {
  readonly status?: { readonly conditions?: readonly { type: string; status: string; message?: string }[] };
}

const versions = ['v1beta2', 'v1beta1'] as const;

/** Which version of Kueue's API is served; undefined without Kueue. */
export async function kueueVersion(client: KubeClient, signal: AbortSignal): Promise<string | undefined> {
  const group = await client.raw<{ versions?: readonly { version: string }[] }>('/apis/kueue.x-k8s.io', {}, signal);
  return versions.find((version) => group?.versions?.some((served) => served.version === version));
}

/** What Kueue says of a Job that it keeps suspended. */
export async function admissionOf(
  client: KubeClient,
  version: string | undefined,
  job: { readonly namespace: string; readonly uid: string },
  signal: AbortSignal,
): Promise<Admission> {
  if (version === undefined) return { known: false };
  const path = pathOf({ apiVersion: `kueue.x-k8s.io/${version}`, plural: 'workloads' }, { namespace: job.namespace });
  const query = { labelSelector: `kueue.x-k8s.io/job-uid=${job.uid}` };
  const found = await client.raw<{ readonly items?: readonly Workload[] }>(path, query, signal);
  const workload = found?.items?.[0];
  if (!workload) return { known: false };
  const open = workload.status?.conditions?.find(({ status, message }) => status === 'False' && message);
  return { known: true, message: open?.message ?? 'Kueue has taken notice of it' };
}
