import { EspalierError } from '../../../api/errors.js';
import type { Clock } from '../../../common/clock.js';
import type { Logger } from '../../../common/log.js';
import {
  childNames,
  childSelector,
  isOfNamespace,
  isOwnedBy,
  labels,
  trustName,
  trustSelector,
} from '../../resources/names.js';
import { queueLabel } from '../../resources/scheduling.js';
import { attemptOf } from '../../resources/workerJob.js';
import type { Change, Cluster, JobKey, Observed, Outcome } from '../cluster.js';
import { fieldManager, type KubeClient, type Selection } from './client.js';
import type { EventRecorder } from './eventRecorder.js';
import type { Kueue } from './kueue.js';
import type { CoreV1Event, FineTuneJobObject, KubernetesObject, V1ConfigMap, V1Job, V1Pod } from './objects.js';
import { createReflector, type Mirror, type Reflector } from './reflector.js';
import { type Resource, resources } from './resources.js';

export interface KubeClusterOptions {
  readonly client: KubeClient;
  /** Absent = every namespace. */
  readonly namespace?: string | undefined;
  readonly kueue: Kueue;
  readonly events: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** The job itself has changed, or something that belongs to it. */
  readonly onChange: (key: JobKey, what: 'job' | 'child') => void;
  /** Asks workers to hand over and leave. */
  readonly release: (uid: string, pods: readonly string[]) => void;
}

export interface KubeCluster extends Cluster {
  /** Keeps the mirrors true until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
  readonly synced: Promise<void>;
  readonly fineTuneJobs: Mirror<FineTuneJobObject>;
  readonly configMaps: Mirror<V1ConfigMap>;
  pods(key: JobKey): readonly V1Pod[];
  /** When the API server was last heard, by the monotonic clock: the oldest of all watches. */
  readonly heardAtMs: () => number;
}

const resyncMs = 600_000;

/** A FineTuneJob and its children on a real API server, read from mirrors that watches keep. */
export function createKubeCluster(options: KubeClusterOptions): KubeCluster {
  const { client, namespace, kueue, events, clock, log, random, onChange, release } = options;
  const reflect = <T extends KubernetesObject>(
    resource: Resource<T>,
    keysOf: (object: T) => readonly (JobKey | undefined)[],
    {
      resync = false,
      keep,
      ...selection
    }: Partial<Selection> & { readonly resync?: boolean; readonly keep?: (object: T) => T } = {},
  ): Reflector<T> =>
    createReflector<T>({
      client,
      resource,
      selection: { namespace, ...selection },
      clock,
      log,
      random,
      ...(resync && { resyncMs }),
      ...(keep && { keep }),
      groupOf: (object) => groupName(parentKey(object)),
      onChange: (object) => {
        for (const key of keysOf(object)) if (key) onChange(key, resource === resources.fineTuneJobs ? 'job' : 'child');
      },
    });
  const children = { labelSelector: childSelector };
  const fineTuneJobs = reflect(resources.fineTuneJobs, (job) => [ownKey(job)], { resync: true });
  const parent = (object: KubernetesObject) => [parentKey(object)];
  const jobsIn = (where: string | undefined) =>
    [...fineTuneJobs.all()].map(ownKey).filter((key) => key.namespace === where);
  const mirrors = {
    jobs: reflect(resources.jobs, parent, children),
    pods: reflect(resources.pods, parent, { ...children, keep: keptPod }),
    configMaps: reflect(
      resources.configMaps,
      (map) => (isOfNamespace(map) ? jobsIn(map.metadata?.namespace) : parent(map)),
      { labelSelector: trustSelector },
    ),
    disruptionBudgets: reflect(resources.disruptionBudgets, parent, children),
    networkPolicies: reflect(resources.networkPolicies, parent, { ...children, keep: keptHead }),
  };
  // Events carry no labels: which job they are about follows from the name of the pod or Job.
  const involved = (event: CoreV1Event) => parentOfInvolved(event, mirrors);
  const warnings = ['FailedCreate', 'FailedMount'].map((reason) =>
    reflect(resources.events, (event) => [involved(event)], { fieldSelector: `reason=${reason}` }),
  );
  const mirrorOf = new Map<Resource<never>, Reflector<never>>([
    [resources.jobs, mirrors.jobs],
    [resources.pods, mirrors.pods],
    [resources.configMaps, mirrors.configMaps],
    [resources.disruptionBudgets, mirrors.disruptionBudgets],
    [resources.networkPolicies, mirrors.networkPolicies],
  ] as never);
  /** What we have just written is known before the watch tells it. */
  const note: Note = (of, object) => mirrorOf.get(of as Resource<never>)?.note(object as never);
  const all: readonly Reflector<never>[] = [fineTuneJobs, ...Object.values(mirrors), ...warnings] as never;

  const observe: Cluster['observe'] = async (key, signal) => {
    const job = fineTuneJobs.get(key.namespace, key.name);
    if (!job) return undefined;
    const mine = <T extends KubernetesObject>(mirror: Mirror<T>) => mirror.group(groupName(key));
    const jobs = await withCurrent(client, job, mine(mirrors.jobs), signal);
    const newest = jobs.toSorted((a, b) => attemptOf(a) - attemptOf(b)).at(-1);
    const isQueued = newest?.spec?.suspend && newest.metadata?.labels?.[queueLabel];
    return {
      job,
      jobs,
      pods: mine(mirrors.pods),
      configMaps: mine(mirrors.configMaps),
      disruptionBudget: mirrors.disruptionBudgets.get(key.namespace, childNames.disruptionBudget(key.name)),
      networkPolicy: mirrors.networkPolicies.get(key.namespace, childNames.networkPolicy(key.name)),
      trust: mirrors.configMaps.get(key.namespace, trustName),
      warnings: warnings.flatMap((mirror) => [...mirror.all()]).filter((event) => sameKey(involved(event), key)),
      admission: isQueued ? await kueue.admissionOf({ ...key, uid: newest.metadata?.uid ?? '' }, signal) : undefined,
    } satisfies Observed;
  };
  return {
    observe,
    perform: (key, uid, change, signal) => perform({ client, release, note }, key, uid, change, signal),
    async patchStatus({ metadata }, status, signal) {
      const { namespace: ns = '', name = '', uid, resourceVersion } = metadata ?? {};
      // Only onto the version that it was made from: what the patch leaves out is as it was there.
      const patch = { metadata: { uid, resourceVersion }, status };
      const at = { namespace: ns, name, subresource: 'status' };
      const answer = await client.merge(resources.fineTuneJobs, at, patch, signal);
      if (typeof answer === 'string') return { kind: 'stale' };
      fineTuneJobs.note(answer);
      return { kind: 'done' };
    },
    async emit(job, told, signal) {
      for (const event of told) await events.record(job, event, signal);
    },
    async run(signal) {
      await Promise.all(all.map((reflector) => reflector.run(signal)));
    },
    synced: Promise.all(all.map(({ synced }) => synced)).then(() => {}),
    fineTuneJobs,
    configMaps: mirrors.configMaps,
    pods: (key) => mirrors.pods.group(groupName(key)),
    heardAtMs: () => Math.min(...all.map(({ heardAtMs }) => heardAtMs)),
  };
}

/** Of a pod its template, of a network policy its rules are never read: many of them are a good part of the memory. */
const keptPod = ({ metadata, spec, status }: V1Pod): V1Pod => ({
  ...(metadata && { metadata }),
  spec: { containers: [], ...(spec?.nodeName !== undefined && { nodeName: spec.nodeName }) },
  ...(status && { status }),
});
const keptHead = <T extends KubernetesObject>({ metadata }: T): T => ({ metadata }) as T;

const ownKey = ({ metadata }: KubernetesObject): JobKey => ({
  namespace: metadata?.namespace ?? '',
  name: metadata?.name ?? '',
});

function groupName(key: JobKey): string;
function groupName(key: JobKey | undefined): string | undefined;
function groupName(key: JobKey | undefined): string | undefined {
  return key && `${key.namespace}/${key.name}`;
}

function parentKey({ metadata }: KubernetesObject): JobKey | undefined {
  const name = metadata?.labels?.[labels.job];
  return name === undefined ? undefined : { namespace: metadata?.namespace ?? '', name };
}

const sameKey = (a: JobKey | undefined, b: JobKey): boolean => a?.namespace === b.namespace && a.name === b.name;

function parentOfInvolved(
  { involvedObject: { kind, namespace = '', name = '' } }: CoreV1Event,
  { jobs, pods }: { readonly jobs: Mirror<V1Job>; readonly pods: Mirror<KubernetesObject> },
): JobKey | undefined {
  const object = kind === 'Job' ? jobs.get(namespace, name) : kind === 'Pod' ? pods.get(namespace, name) : undefined;
  return object && parentKey(object);
}

/** A mirror may lag behind our own creation: a Job that the status knows is asked for before it counts as gone. */
async function withCurrent(
  client: KubeClient,
  job: FineTuneJobObject,
  found: readonly V1Job[],
  signal: AbortSignal,
): Promise<readonly V1Job[]> {
  const { namespace = '', name = '' } = job.metadata ?? {};
  const attempt = job.status?.attempt;
  const isEnded = job.status?.completionTime !== undefined;
  if (attempt === undefined || isEnded || found.some((candidate) => attemptOf(candidate) >= attempt)) return found;
  const current = await client.get(resources.jobs, { namespace, name: childNames.workers(name, attempt) }, signal);
  return current ? [...found, current] : found;
}

/** Of this very job, or of all jobs of its namespace. */
const isOurs = (object: KubernetesObject, uid: string): boolean => isOwnedBy(object, uid) || isOfNamespace(object);

type Note = <T extends KubernetesObject>(resource: Resource<T>, object: T) => void;
type PerformDeps = Pick<KubeClusterOptions, 'client' | 'release'> & { readonly note: Note };

async function perform(
  { client, release, note }: PerformDeps,
  { namespace }: JobKey,
  uid: string,
  change: Change,
  signal: AbortSignal,
): Promise<Outcome> {
  const jobPatch = async (name: string, resourceVersion: string, spec: object): Promise<Outcome> => {
    const patch = { metadata: { resourceVersion }, spec };
    return written(resources.jobs, await client.merge(resources.jobs, { namespace, name }, patch, signal));
  };
  const written = <T extends KubernetesObject>(of: Resource<T>, answer: T | 'changed' | 'missing'): Outcome => {
    if (typeof answer === 'string') return { kind: 'stale' };
    note(of, answer);
    return { kind: 'done' };
  };
  try {
    switch (change.kind) {
      case 'create':
        return await create({ client, note }, namespace, uid, change.object, signal);
      case 'apply': {
        const options = { manager: fieldManager, signal };
        const resource = resourceOf(change.object);
        const at = { namespace, name: change.object.metadata?.name ?? '' };
        const there = await client.get(resource, at, signal);
        if (there && !isOurs(there, uid)) return { kind: 'taken', of: resource.kind, name: at.name };
        return written(resource, await client.apply(resource, change.object, options));
      }
      case 'scale': {
        const { name, replicas, resourceVersion } = change;
        return await jobPatch(name, resourceVersion, { parallelism: replicas, completions: replicas });
      }
      case 'suspend':
        return await jobPatch(change.name, change.resourceVersion, { suspend: change.suspend });
      case 'end':
        // It has run for longer than that: the Job fails by its deadline at once, and lets go of its pods.
        return await jobPatch(change.name, change.resourceVersion, { activeDeadlineSeconds: 0 });
      case 'remove': {
        const resource = change.of === 'Job' ? resources.jobs : resources.fineTuneJobs;
        await client.remove(resource, { namespace, name: change.name, uid: change.uid }, { signal });
        return { kind: 'done' };
      }
      case 'release':
        release(uid, change.pods);
        return { kind: 'done' };
    }
  } catch (error) {
    // The API server said no to this object: that is for the user to read. Anything else is tried again.
    if (EspalierError.is(error, 'ApiRefused') && [400, 403, 404, 422].includes(error.facts.code))
      return { kind: 'failed', reason: 'FailedCreate', message: error.facts.what };
    throw error;
  }
}

const byKind = new Map<string, Resource<KubernetesObject>>(
  Object.values(resources).map((resource) => [resource.kind, resource as Resource<KubernetesObject>]),
);

function resourceOf({ kind }: { readonly kind?: string }): Resource<KubernetesObject> {
  const resource = byKind.get(kind ?? '');
  if (!resource) throw new TypeError(`no resource for ${kind}`);
  return resource;
}

async function create(
  { client, note }: Pick<PerformDeps, 'client' | 'note'>,
  namespace: string,
  uid: string,
  object: KubernetesObject & { readonly kind?: string },
  signal: AbortSignal,
): Promise<Outcome> {
  const resource = resourceOf(object);
  const name = object.metadata?.name ?? '';
  const made = await client.create(resource, object, signal);
  if (made !== 'exists') {
    note(resource, made);
    return { kind: 'done' };
  }
  const there = await client.get(resource, { namespace, name }, signal);
  if (!there) return { kind: 'stale' };
  if (!isOurs(there, uid)) return { kind: 'taken', of: resource.kind, name };
  // One that is on its way out must be gone before its name is free.
  return there.metadata?.deletionTimestamp ? { kind: 'stale' } : { kind: 'done' };
}
