import { setMaxListeners } from 'node:events';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { WorkerEvent } from '../proto/generated/espalier/v1/WorkerEvent.js';
import type { CertificateSource, Transport } from '../proto/transport.js';
import type { JobKey, Live } from './cluster/cluster.js';
import type { KubeClient } from './cluster/kube/client.js';
import { createEventRecorder, type RecordedEvent } from './cluster/kube/eventRecorder.js';
import { createKubeCluster, type KubeCluster } from './cluster/kube/kubeCluster.js';
import { createKueue } from './cluster/kube/kueue.js';
import type { FineTuneJobObject, V1Pod } from './cluster/kube/objects.js';
import { resources } from './cluster/kube/resources.js';
import { kubeViewStore } from './cluster/kube/viewStore.js';
import { createWorkQueue } from './cluster/workQueue.js';
import { Milestones } from './milestones.js';
import { writeProgress } from './progress.js';
import { aboutLines } from './reconcile/about.js';
import { ParsedJobs } from './reconcile/parsedJobs.js';
import { Patience } from './reconcile/patience.js';
import { reconcile } from './reconcile/reconcile.js';
import { childNames } from './resources/names.js';
import type { Settings } from './settings.js';
import { type Standing, Trainings } from './trainings.js';

export interface ControllerOptions {
  readonly client: KubeClient;
  /** Empty = every namespace. */
  readonly namespaces: readonly string[];
  readonly settings: Settings;
  /** From which tokens of jobs are derived; kept by the cluster, so that it outlasts this process. */
  readonly masterKey: string;
  readonly transport: Transport;
  /** By which the controller shows workers who it is. Absent: in plain text. */
  readonly certificates?: CertificateSource | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  readonly onWorkerEvent?: (key: JobKey, pod: string, event: WorkerEvent) => void;
  /** A FineTuneJob came, changed (also its workers) or went (undefined). */
  readonly onJob?: (key: JobKey, job: FineTuneJobObject | undefined, live: Live, pods: readonly V1Pod[]) => void;
  /** All that was told of one life of a job, oldest first. */
  readonly onEvents?: (key: JobKey, uid: string, events: readonly RecordedEvent[]) => void;
  /** Its workers begin, or begin again from a checkpoint. */
  readonly onBegin?: (key: JobKey) => void;
  readonly onReconciled?: (result: { readonly seconds: number; readonly failed: boolean }) => void;
  readonly onSynced?: (heardAtMs: () => number) => void;
}

const concurrency = 8;
/** Pods of one job come and change together: what follows from them is decided and written once. */
const settleMs = 300;
const textOf = ({ namespace, name }: JobKey): string => `${namespace}/${name}`;
const keyOf = (text: string): JobKey => {
  const [namespace = '', name = ''] = text.split('/');
  return { namespace, name };
};

/** Reconciles every FineTuneJob until the signal is aborted. Whoever runs it holds the lease. */
export async function runController(options: ControllerOptions, signal: AbortSignal): Promise<void> {
  const { client, namespaces, settings, masterKey, transport, certificates, clock, log, random } = options;
  const { onWorkerEvent = () => {}, onJob = () => {}, onReconciled = () => {}, onSynced = () => {} } = options;
  const { onEvents = () => {}, onBegin = () => {} } = options;
  // Every watch, link and timer listens to this one.
  setMaxListeners(0, signal);
  const queue = createWorkQueue({ clock, random, concurrency });
  // A job that came or was edited is somebody's wish; what its children did is mostly for telling.
  const onChange = (key: JobKey, what?: 'job' | 'child') => {
    if (what === 'child') queue.add(textOf(key), settleMs);
    else queue.add(textOf(key), 0, what === 'job' ? 'urgent' : undefined);
  };
  const events = createEventRecorder({
    client,
    clock,
    log,
    onRecorded: (key, uid) => onEvents(key, uid, events.eventsOf(uid)),
  });
  const milestones = new Milestones();
  const heard = (key: JobKey, pod: string, event: WorkerEvent): void => {
    onWorkerEvent(key, pod, event);
    const job = jobOf(key);
    if (!job?.metadata?.uid) return;
    for (const told of milestones.of(job.metadata.uid, job.status ?? {}, event)) void events.record(job, told, signal);
  };
  const trainings = new Trainings({
    viewStore: (owner, floor) =>
      kubeViewStore({
        client,
        owner,
        floor,
        mirrored: () => clusterOf(owner).configMaps.get(owner.namespace, childNames.view(owner.name)),
        signal,
      }),
    transport,
    masterKey,
    certificates,
    clock,
    log,
    onEvent: heard,
    onChange,
    onBegin,
  });
  const kueue = createKueue(client, clock);
  const release = (uid: string, pods: readonly string[]) => trainings.release(uid, pods);
  const shared = { client, kueue, events, clock, log, random, onChange, release };
  const clusters = (namespaces.length === 0 ? [undefined] : namespaces).map(
    (namespace) => [namespace, createKubeCluster({ ...shared, namespace })] as const,
  );
  const clusterOf = (key: JobKey): KubeCluster =>
    (clusters.find(([namespace]) => namespace === undefined || namespace === key.namespace) ?? clusters[0]!)[1];

  const jobOf = (key: JobKey) => clusterOf(key).fineTuneJobs.get(key.namespace, key.name);
  const forget = (uid: string): void => {
    trainings.forget(uid);
    events.forget(uid);
    milestones.forget(uid);
    patience.forget(uid);
    parsed.forget(uid);
  };
  const patience = new Patience();
  /** Once the crowd has gone, what waited for that is told. */
  const tellHeld = (): void => {
    if (patience.isCrowded(clock.now())) return;
    for (const [text, uid] of uids) if (patience.isHeld(uid)) queue.add(text);
  };
  const parsed = new ParsedJobs();
  const uids = new Map<string, string>();
  const work = async (text: string): Promise<number | undefined> => {
    const key = keyOf(text);
    const startedMs = clock.monotonic();
    const job = jobOf(key);
    const uid = job?.metadata?.uid;
    const before = uids.get(text);
    if (before !== undefined && before !== uid) forget(before);
    if (uid === undefined) uids.delete(text);
    else uids.set(text, uid);
    let failed = true;
    try {
      const again = await reconcile(key, {
        cluster: clusterOf(key),
        settings,
        clock,
        live: (id) => trainings.live(id),
        patience,
        parse: parsed.read,
        follow: (world, decision) => trainings.follow(world, decision),
        signal,
      });
      failed = false;
      tellHeld();
      return again;
    } catch (error) {
      if (!signal.aborted) log.warn('a job is reconciled again after a failure', { ...key, error: String(error) });
      throw error;
    } finally {
      onJob(key, jobOf(key), trainings.live(uid ?? ''), clusterOf(key).pods(key));
      if (uid !== undefined) onEvents(key, uid, events.eventsOf(uid));
      onReconciled({ seconds: (clock.monotonic() - startedMs) / 1000, failed });
    }
  };
  const watching = Promise.all(clusters.map(([, cluster]) => cluster.run(signal)));
  try {
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await Promise.race([Promise.all(clusters.map(([, cluster]) => cluster.synced)), stopped, watching]);
    onSynced(() => Math.min(...clusters.map(([, cluster]) => cluster.heardAtMs())));
    const write = (standing: Standing, at: AbortSignal) => writeStanding(client, jobOf(standing.key), standing, at);
    const progress = {
      progress: () => trainings.progress(),
      write: async (standing: Standing, at: AbortSignal) => {
        const isWritten = await write(standing, at);
        if (isWritten) trainings.written(standing);
        return isWritten;
      },
      clock,
      log,
      random,
    };
    for (const [namespace] of clusters)
      await events.restore(namespace, signal).catch((error: unknown) => {
        if (!signal.aborted) log.warn('earlier events could not be read', { error: String(error) });
      });
    await Promise.all([queue.run(work, signal), writeProgress(progress, signal), events.run(signal), watching]);
  } finally {
    await trainings.close();
    await watching;
  }
}

/** Only onto the status that its lines are made from: a newer one is never told an old state. */
async function writeStanding(
  client: KubeClient,
  job: FineTuneJobObject | undefined,
  { uid, key, part, workers }: Standing,
  signal: AbortSignal,
): Promise<boolean> {
  // The resource is gone: there is nowhere to write to.
  if (job?.metadata?.uid !== uid) return true;
  const { resourceVersion } = job.metadata;
  const about = aboutLines({ ...job.status, ...part, summary: { ...job.status?.summary, ...part.summary } }, workers);
  const object = { metadata: { ...key, resourceVersion }, status: { ...part, about } } as FineTuneJobObject;
  const options = { manager: 'espalier-progress', subresource: 'status', signal };
  return (await client.apply(resources.fineTuneJobs, object, options)) !== 'changed';
}
