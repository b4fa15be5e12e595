import { apiVersion, type FineTuneJobInput, kind } from '../../../api/fineTuneJob.js';
import { checkJob } from '../../../api/parse/parseJob.js';
import type { KubeClient } from '../../../controller/cluster/kube/client.js';
import type { FineTuneJobObject, V1Job } from '../../../controller/cluster/kube/objects.js';
import { resources } from '../../../controller/cluster/kube/resources.js';
import { workerJob } from '../../../controller/resources/workerJob.js';
import { aClusterSpec, someSettings } from '../../support/aWorld.js';

export const workersPerJob = 4;
/** Objects under way at once; the same for both sides. */
const creators = 16;

const manifest = (namespace: string, index: number): FineTuneJobInput => ({
  apiVersion,
  kind,
  metadata: { namespace, name: `job-${index}` } as FineTuneJobInput['metadata'],
  spec: { ...aClusterSpec, workers: { replicas: workersPerJob } },
});

export const aFineTuneJob = (namespace: string, index: number): FineTuneJobObject =>
  manifest(namespace, index) as unknown as FineTuneJobObject;

/**
 * What somebody without Espalier would make: the same Indexed Job, pod template included, that belongs to nobody. So the
 * comparison shows what the controller costs, and not what a longer template costs the API server.
 */
export function aBareJob(namespace: string, index: number): V1Job {
  const { metadata, ...rest } = manifest('', index);
  const job = checkJob({ ...rest, metadata: { name: metadata.name } }, { file: 'bench' });
  const owner = { namespace, name: metadata.name, uid: '00000000-0000-4000-8000-000000000000' };
  const { spec, ...head } = workerJob({ owner, job, attempt: 0, replicas: workersPerJob, settings: someSettings });
  return { ...head, metadata: { namespace, name: metadata.name }, ...(spec && { spec }) };
}

export interface LoadTimes {
  /** From the first create to the answer of the last one. */
  readonly createdMs: number;
  /** From the first create to the last worker that is Ready. */
  readonly readyMs: number;
}

/** Makes all objects as fast as the server takes them, and waits for their workers. */
export async function timeToReady(
  client: KubeClient,
  { namespace, count, create }: LoadOptions,
  signal: AbortSignal,
): Promise<LoadTimes> {
  const done = new AbortController();
  const watching = AbortSignal.any([signal, done.signal]);
  const selection = {
    namespace,
    labelSelector: 'espalier.dev/role=worker',
    // kwok writes phase and readiness in one patch, so each pod comes once.
    fieldSelector: 'status.phase=Running',
  };
  const page = await client.list(resources.pods, { ...selection, limit: 1 }, signal);
  if (page === 'expired' || page.items.length > 0) throw new Error(`${namespace} has pods already`);
  const query = { ...selection, resourceVersion: page.resourceVersion, timeoutSeconds: 3600 };
  const ready = new Set<string>();
  const allReady = (async () => {
    for await (const { type, object } of client.watch(resources.pods, query, watching)) {
      if (type === 'ERROR') throw new Error(`the watch of pods failed: ${JSON.stringify(object)}`);
      if (object.status?.conditions?.some((condition) => condition.type === 'Ready' && condition.status === 'True'))
        ready.add(object.metadata?.uid ?? '');
      if (ready.size === count * workersPerJob) return performance.now();
    }
    throw new Error(`the watch of pods ended at ${ready.size} of ${count * workersPerJob}`);
  })();
  const startedAt = performance.now();
  let next = 0;
  const creating = Promise.all(
    Array.from({ length: creators }, async () => {
      while (next < count) await create(next++);
    }),
  ).then(() => performance.now());
  try {
    const [createdAt, readyAt] = await Promise.all([creating, allReady]);
    return { createdMs: createdAt - startedAt, readyMs: readyAt - startedAt };
  } finally {
    done.abort();
  }
}

export interface LoadOptions {
  readonly namespace: string;
  /** Of jobs. */
  readonly count: number;
  readonly create: (index: number) => Promise<unknown>;
}
