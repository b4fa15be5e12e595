import { apiVersion, type FineTuneJobInput, kind } from '../../../api/fineTuneJob.js';
import { checkJob } from '../../../api/parse/parseJob.js';
import { systemClock } from '../../../common/clock.js';
import { createLogger } from '../../../common/log.js';
import type { KubeClient, Selection } from '../../../controller/cluster/kube/client.js';
import type { FineTuneJobObject, KubernetesObject, V1Job } from '../../../controller/cluster/kube/objects.js';
import { createReflector } from '../../../controller/cluster/kube/reflector.js';
import { type Resource, resources } from '../../../controller/cluster/kube/resources.js';
import { isReady } from '../../../controller/reconcile/world.js';
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

export interface LoadOptions {
  readonly namespace: string;
  /** Of jobs. */
  readonly count: number;
  readonly create: (index: number) => Promise<unknown>;
}

/** Makes all objects as fast as the server takes them, and waits for their workers. */
export async function timeToReady(
  client: KubeClient,
  { namespace, count, create }: LoadOptions,
  signal: AbortSignal,
): Promise<LoadTimes & { readonly startedAt: number }> {
  const selection = {
    namespace,
    labelSelector: 'espalier.dev/role=worker',
    // kwok writes phase and readiness in one patch, so each pod comes once.
    fieldSelector: 'status.phase=Running',
  };
  await using pods = await countedOf(client, resources.pods, { selection, isCounted: isReady }, signal);
  if (pods.size > 0) throw new Error(`${namespace} has pods already`);
  const startedAt = performance.now();
  let next = 0;
  const creating = Promise.all(
    Array.from({ length: creators }, async () => {
      while (next < count) await create(next++);
    }),
  ).then(() => performance.now());
  const [createdAt, readyAt] = await Promise.all([creating, pods.reach(count * workersPerJob)]);
  return { startedAt, createdMs: createdAt - startedAt, readyMs: readyAt - startedAt };
}

/** When every FineTuneJob of the namespace says that it trains, by `performance.now()`; at once if they all do. */
export async function allTraining(
  client: KubeClient,
  { namespace, count }: Pick<LoadOptions, 'namespace' | 'count'>,
  signal: AbortSignal,
): Promise<number> {
  const isCounted = ({ status }: FineTuneJobObject): boolean => status?.state === 'Training';
  await using jobs = await countedOf(client, resources.fineTuneJobs, { selection: { namespace }, isCounted }, signal);
  return await jobs.reach(count);
}

interface Counted extends AsyncDisposable {
  readonly size: number;
  /** When so many are there at once, by `performance.now()`. */
  reach(count: number): Promise<number>;
}

/**
 * How many objects are as wanted, by a reflector as the controller has it: an API server that is short of CPU closes the watch of
 * whoever reads slowly, and nothing must be missed by that.
 */
async function countedOf<T extends KubernetesObject>(
  client: KubeClient,
  resource: Resource<T>,
  { selection, isCounted }: { readonly selection: Selection; readonly isCounted: (object: T) => boolean },
  signal: AbortSignal,
): Promise<Counted> {
  const names = new Set<string>();
  let look = () => {};
  const reflector = createReflector<T>({
    client,
    resource,
    selection,
    clock: systemClock,
    log: createLogger((line) => process.stderr.write(line)),
    random: Math.random,
    onChange({ metadata }) {
      const { namespace = '', name = '' } = metadata ?? {};
      const object = reflector.get(namespace, name);
      if (object && isCounted(object)) names.add(name);
      else names.delete(name);
      look();
    },
  });
  const stop = new AbortController();
  const running = reflector.run(AbortSignal.any([signal, stop.signal]));
  await Promise.race([reflector.synced, running]);
  return {
    get size() {
      return names.size;
    },
    async reach(count) {
      while (names.size < count) {
        signal.throwIfAborted();
        const changed = new Promise<void>((resolve) => {
          look = resolve;
        });
        await Promise.race([changed, running]);
      }
      return performance.now();
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}
