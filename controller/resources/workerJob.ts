import type { FineTuneJob } from '../../api/fineTuneJob.js';
import type { V1Job, V1ResourceRequirements, V1Volume } from '../cluster/kube/objects.js';
import { cpusOf, type WorkerSize } from '../membership/workerTime.js';
import { type Settings, workerAudience } from '../settings.js';
import { childNames, labels, metadataOf, type Owner, trustName } from './names.js';
import { credentials, meshOff, paths, podSpec } from './podParts.js';
import { passedToPods, queueOf, schedulerOf } from './scheduling.js';

/** A Job's own count of failures ends nothing: the retry budget is ours, and deletions would use this one up. */
const unlimited = 2_147_483_647;

export const attemptLabel = 'espalier.dev/attempt';

export interface WorkerJobOptions {
  readonly owner: Owner;
  readonly job: FineTuneJob;
  readonly attempt: number;
  readonly replicas: number;
  readonly settings: Settings;
}

/**
 * The source of interchangeable worker pods (ADR 1). Each field that looks odd holds off a trap: test beside this file.
 */
export function workerJob({ owner, job, attempt, replicas, settings }: WorkerJobOptions): V1Job {
  const queue = queueOf(job);
  const { labels: ownLabels, ...metadata } = metadataOf(owner, childNames.workers(owner.name, attempt), 'worker');
  const allLabels = { ...ownLabels, [attemptLabel]: String(attempt) };
  const passed = passedToPods(job);
  const scheduler = schedulerOf(job);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      ...metadata,
      labels: { ...allLabels, ...queue?.labels },
      ...(queue && { annotations: queue.annotations }),
    },
    spec: {
      completionMode: 'Indexed',
      parallelism: replicas,
      completions: replicas,
      backoffLimitPerIndex: unlimited,
      podReplacementPolicy: 'TerminatingOrFailed',
      // A pod lost in the last second must not make the Job start it again. Its verdict is never read.
      successPolicy: { rules: [{ succeededCount: 1 }] },
      // Under a queue it begins suspended and the queue alone says when; later `suspend` is never touched there.
      suspend: queue !== undefined,
      template: {
        metadata: {
          labels: { ...allLabels, ...meshOff.labels, ...passed.labels },
          annotations: { ...meshOff.annotations, ...passed.annotations },
        },
        spec: {
          ...podSpec(
            { job, settings, entry: 'pod', volumes: ownVolumes(owner) },
            {
              resources: resourcesOf(job, settings),
              ports: [{ name: 'exchange', containerPort: settings.workerPort }],
              readinessProbe: { tcpSocket: { port: 'exchange' }, periodSeconds: 2, failureThreshold: 3 },
              env: [
                ...credentials(job, job.spec.output.connection),
                { name: 'ESPALIER_CONTROLLER', value: settings.identity.address },
              ],
              volumeMounts: [
                { name: 'espalier-recipe', mountPath: paths.recipe, readOnly: true },
                { name: 'espalier-identity', mountPath: paths.identity, readOnly: true },
              ],
            },
          ),
          ...(scheduler && { schedulerName: scheduler }),
          ...(job.spec.workers.affinity && { affinity: job.spec.workers.affinity }),
        },
      },
    },
  };
}

const ownVolumes = ({ name }: Owner): V1Volume[] => [
  { name: 'espalier-recipe', configMap: { name: childNames.recipe(name) } },
  identityVolume,
];

/** By which a pod proves to the controller who it is, and knows it: both are replaced while the pod lives. */
const identityVolume: V1Volume = {
  name: 'espalier-identity',
  projected: {
    defaultMode: 0o440,
    sources: [
      { serviceAccountToken: { audience: workerAudience, expirationSeconds: 3600, path: 'token' } },
      { configMap: { name: trustName } },
    ],
  },
};

export function resourcesOf(
  { spec: { workers } }: FineTuneJob,
  { defaultResources }: Settings,
): V1ResourceRequirements {
  const { resources, gpu } = workers;
  const isSilent = !resources.requests && !resources.limits;
  const { requests, limits } = isSilent ? defaultResources : resources;
  // Extended resources have no overcommit: the limit is the request.
  const gpus = gpu && { [gpu.resource]: String(gpu.count) };
  return { ...(requests && { requests }), ...((limits || gpus) && { limits: { ...limits, ...gpus } }) };
}

export const attemptOf = ({ metadata }: { metadata?: V1Job['metadata'] }): number =>
  Number(metadata?.labels?.[attemptLabel] ?? 0);

export const isWorker = ({ metadata }: { metadata?: V1Job['metadata'] }): boolean =>
  metadata?.labels?.[labels.role] === 'worker';

/** What each worker holds: its limit, or where there is none what it asks for. */
export function sizeOf(job: FineTuneJob, settings: Settings): WorkerSize {
  const { limits, requests } = resourcesOf(job, settings);
  return { cpus: cpusOf(limits?.cpu ?? requests?.cpu ?? '1'), gpus: job.spec.workers.gpu?.count ?? 0 };
}
