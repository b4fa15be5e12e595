import type { Clock } from '../../../common/clock.js';
import type { Admission } from '../cluster.js';
import type { KubeClient } from './client.js';
import { pathOf } from './resources.js';

interface Workload {
  readonly metadata?: { readonly creationTimestamp?: string };
  readonly status?: { readonly conditions?: readonly WorkloadCondition[] };
}
interface WorkloadCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** Newest first: the first one that is served is spoken. */
const versions = ['v1beta2', 'v1beta1'] as const;
/** Kueue may be installed while jobs wait for it. */
const askAgainAfterMs = 10_000;

export interface Kueue {
  /** What Kueue says of a Job that it keeps suspended. */
  admissionOf(job: { readonly namespace: string; readonly uid: string }, signal: AbortSignal): Promise<Admission>;
}

export function createKueue(client: KubeClient, clock: Pick<Clock, 'monotonic'>): Kueue {
  let version: string | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  const detect = async (signal: AbortSignal): Promise<string | undefined> => {
    if (version !== undefined || clock.monotonic() - askedAtMs < askAgainAfterMs) return version;
    const group = await client.raw<{ versions?: readonly { version: string }[] }>('/apis/kueue.x-k8s.io', {}, signal);
    version = versions.find((candidate) => group?.versions?.some((served) => served.version === candidate));
    askedAtMs = clock.monotonic();
    return version;
  };
  return {
    async admissionOf({ namespace, uid }, signal) {
      const spoken = await detect(signal);
      if (spoken === undefined) return { known: false };
      const path = pathOf({ apiVersion: `kueue.x-k8s.io/${spoken}`, plural: 'workloads' }, { namespace });
      const query = { labelSelector: `kueue.x-k8s.io/job-uid=${uid}` };
      const found = await client.raw<{ readonly items?: readonly Workload[] }>(path, query, signal);
      return admissionIn(found?.items ?? []);
    },
  };
}

const bornMs = ({ metadata }: Workload): number => new Date(metadata?.creationTimestamp ?? 0).getTime();
const holds = ({ status }: Workload, type: string): boolean =>
  status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false;

/** An elastic Job has a Workload per size; all but the newest are Finished. */
function admissionIn(workloads: readonly Workload[]): Admission {
  const current = workloads.filter((workload) => !holds(workload, 'Finished')).sort((a, b) => bornMs(b) - bornMs(a))[0];
  if (!current) return { known: false };
  const open = ['QuotaReserved', 'Admitted']
    .map((type) => current.status?.conditions?.find((condition) => condition.type === type))
    .find((condition) => condition?.status === 'False' && condition.message);
  // Kueue takes notice of a Job whose queue is not there, and says so in these words.
  const isQueueMissing = /^(Local|Cluster)Queue \S+ doesn't exist$/.test(open?.message ?? '');
  return { known: true, isQueueMissing, message: open?.message ?? 'Kueue has taken notice of it' };
}
