import { setMaxListeners } from 'node:events';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { WorkerEvent } from '../proto/generated/espalier/v1/WorkerEvent.js';
import type { Tls, Transport } from '../proto/transport.js';
import type { JobKey } from './cluster/cluster.js';
import type { KubeClient } from './cluster/kube/client.js';
import { createKubeCluster, type KubeCluster } from './cluster/kube/kubeCluster.js';
import { kueueVersion } from './cluster/kube/kueue.js';
import type { FineTuneJobObject } from './cluster/kube/objects.js';
import { resources } from './cluster/kube/resources.js';
import { kubeViewStore } from './cluster/kube/viewStore.js';
import { createWorkQueue } from './cluster/workQueue.js';
import { writeProgress } from './progress.js';
import { reconcile } from './reconcile/reconcile.js';
import type { Settings } from './settings.js';
import { Trainings } from './trainings.js';

export interface ControllerOptions {
  readonly client: KubeClient;
  /** Empty = every namespace. */
  readonly namespaces: readonly string[];
  readonly settings: Settings;
  /** From which tokens of jobs are derived; kept by the cluster, so that it outlasts this process. */
  readonly masterKey: string;
  readonly transport: Transport;
  /** By which the controller shows workers who it is. */
  readonly tls?: Tls | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly onWorkerEvent?: (key: JobKey, pod: string, event: WorkerEvent) => void;
  /** A FineTuneJob came, changed (also its workers) or went (undefined). */
  readonly onJob?: (key: JobKey, job: FineTuneJobObject | undefined, live: ReturnType<Trainings['live']>) => void;
  readonly onReconciled?: (result: { readonly seconds: number; readonly failed: boolean }) => void;
  readonly onSynced?: (heardAtMs: () => number) => void;
}

const concurrency = 8;
const textOf = ({ namespace, name }: JobKey): string => `${namespace}/${name}`;
const keyOf = (text: string): JobKey => {
  const [namespace = '', name = ''] = text.split('/');
  return { namespace, name };
};

/** Reconciles every FineTuneJob until the signal is aborted. Whoever runs it holds the lease. */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { client, namespaces, settings, masterKey, transport, tls, clock, log, random } = options;
  const { onWorkerEvent = () => {}, onJob = () => {}, onReconciled = () => {}, onSynced = () => {} } = options;
  // Every watch, link and timer listens to this one.
  setMaxListeners(0, signal);
  const queue = createWorkQueue({ clock, random, concurrency });
  const onChange = (key: JobKey) => queue.add(textOf(key));
  const trainings = new Trainings({
    viewStore: (owner, floor) => kubeViewStore({ client, owner, floor, signal }),
    transport,
    masterKey,
    tls,
    clock,
    log,
    onEvent: onWorkerEvent,
    onChange,
  });
  const kueue = await kueueVersion(client, signal).catch(() => undefined);
  const release = (uid: string, pods: readonly string[]) => trainings.release(uid, pods);
  const shared = { client, kueue, clock, log, random, onChange, release };
  const clusters = (namespaces.length === 0 ? [undefined] : namespaces).map(
    (namespace) => [namespace, createKubeCluster({ ...shared, namespace })] as const,
  );
  const clusterOf = (key: JobKey): KubeCluster =>
    (clusters.find(([namespace]) => namespace === undefined || namespace === key.namespace) ?? clusters[0]!)[1];

  const uids = new Map<string, string>();
  const work = async (text: string): Promise<number | undefined> => {
    const key = keyOf(text);
    const startedMs = clock.monotonic();
    const job = clusterOf(key).fineTuneJobs.get(key.namespace, key.name);
    const uid = job?.metadata?.uid;
    const before = uids.get(text);
    if (before !== undefined && before !== uid) trainings.forget(before);
    if (uid === undefined) uids.delete(text);
    else uids.set(text, uid);
    let failed = true;
    try {
      const again = await reconcile(key, {
        cluster: clusterOf(key),
        settings,
        masterKey,
        clock,
        live: (id) => trainings.live(id),
        follow: (world, decision) => trainings.follow(world, decision),
        signal,
      });
      failed = false;
      return again;
    } catch (error) {
      if (!signal.aborted) log.warn('a job is reconciled again after a failure', { ...key, error: String(error) });
      throw error;
    } finally {
      onJob(key, clusterOf(key).fineTuneJobs.get(key.namespace, key.name), trainings.live(uid ?? ''));
      onReconciled({ seconds: (clock.monotonic() - startedMs) / 1000, failed });
    }
  };
  const watching = Promise.all(clusters.map(([, cluster]) => cluster.run(signal)));
  try {
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([Promise.all(clusters.map(([, cluster]) => cluster.synced)), stopped, watching]);
    onSynced(() => Math.min(...clusters.map(([, cluster]) => cluster.heardAtMs())));
    const write = async ({ namespace, name }: JobKey, part: object, at: AbortSignal) => {
      const object = { metadata: { namespace, name }, status: part } as FineTuneJobObject;
      await client.apply(resources.fineTuneJobs, object, {
        manager: 'espalier-progress',
        subresource: 'status',
        signal: at,
      });
    };
    const progress = { progress: () => trainings.progress(), write, clock, log, random };
    await Promise.all([queue.run(work, signal), writeProgress(progress, signal), watching]);
  } finally {
    await trainings.close();
    await watching;
  }
}
