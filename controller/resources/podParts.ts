import type { FineTuneJob } from '../../api/fineTuneJob.js';
import type {
  V1Container,
  V1EnvVar,
  V1PodSpec,
  V1Toleration,
  V1Volume,
  V1VolumeMount,
} from '../cluster/kube/objects.js';
import { imageOf, type Settings, tolerationsOf } from '../settings.js';
import { childNames } from './names.js';
import { workerFlags } from './workerFlags.js';

/** Where pods of a job find things; `worker/pod/` reads the same table from its environment. */
export const paths = {
  job: '/etc/espalier/job',
  recipe: '/etc/espalier/recipe',
  identity: '/etc/espalier/identity',
  secrets: '/etc/espalier/secrets',
  authorities: '/etc/espalier/authorities',
  cache: '/var/cache/espalier',
  work: '/var/lib/espalier',
  temporary: '/tmp',
} as const;

/** Seconds that a worker has to finish its leaf, hand over and checkpoint. */
export const graceSeconds = 60;
/** A node that is silent this long is not waited for; the default is ten times as long. */
const nodeSilenceSeconds = 30;
const user = 65532;

export interface PodPartsOptions {
  readonly job: FineTuneJob;
  readonly settings: Settings;
  readonly entry: 'preflight' | 'pod';
  readonly volumes?: readonly V1Volume[];
}

/** What preflight and worker pods have in common: the restricted profile, volumes, credentials, environment. */
export function podSpec(
  { job, settings, entry, volumes: more = [] }: PodPartsOptions,
  main: Partial<V1Container>,
): V1PodSpec {
  const { workers } = job.spec;
  const { volumes, mounts } = volumesOf(job, settings);
  return {
    restartPolicy: 'Never',
    serviceAccountName: settings.workers.serviceAccount,
    ...(settings.workers.priorityClassName && { priorityClassName: settings.workers.priorityClassName }),
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: graceSeconds,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      fsGroup: user,
      fsGroupChangePolicy: 'OnRootMismatch',
      seccompProfile: { type: 'RuntimeDefault' },
    },
    ...(settings.workers.pullSecrets.length > 0 && {
      imagePullSecrets: settings.workers.pullSecrets.map((name) => ({ name })),
    }),
    nodeSelector: { ...settings.workers.nodeSelector, ...workers.nodeSelector },
    tolerations: [...nodeTolerations, ...tolerationsOf(settings), ...(workers.tolerations as V1Toleration[])],
    volumes: [...volumes, ...more],
    containers: [
      {
        name: 'espalier',
        image: imageOf(job, settings),
        imagePullPolicy: settings.workers.pullPolicy,
        // Directly, not through a shell: signals must reach it.
        command: ['node', ...workerFlags, `${settings.programFolder}/${entry}.js`],
        terminationMessagePolicy: 'FallbackToLogsOnError',
        ...main,
        env: [...environment(settings), ...(main.env ?? [])],
        volumeMounts: [...mounts, ...(main.volumeMounts ?? [])],
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
      },
    ],
  };
}

const nodeTolerations: V1Toleration[] = ['not-ready', 'unreachable'].map((state) => ({
  key: `node.kubernetes.io/${state}`,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: nodeSilenceSeconds,
}));

/** A mesh would end connections that the protocol relies on, and its sidecar would outlive the worker. */
export const meshOff = {
  annotations: { 'sidecar.istio.io/inject': 'false', 'linkerd.io/inject': 'disabled' },
  labels: { 'sidecar.istio.io/inject': 'false' },
} as const;

const fromField = (name: string, fieldPath: string): V1EnvVar => ({ name, valueFrom: { fieldRef: { fieldPath } } });

const environment = ({ workers, workerPort }: Settings): V1EnvVar[] => [
  fromField('POD_UID', 'metadata.uid'),
  fromField('POD_NAME', 'metadata.name'),
  fromField('POD_NAMESPACE', 'metadata.namespace'),
  fromField('POD_IP', 'status.podIP'),
  // The limit, else what the node has: engines follow the control group, not the host's cores.
  {
    name: 'ESPALIER_CPU_MILLIS',
    valueFrom: { resourceFieldRef: { containerName: 'espalier', resource: 'limits.cpu', divisor: '1m' } },
  },
  { name: 'ESPALIER_PORT', value: String(workerPort) },
  { name: 'HOME', value: paths.temporary },
  ...outsideEnvironment(workers).map(([name, value]) => ({ name, value })),
];

/** Proxy, mirror of the hub, further authorities: only what the operator has set. */
const outsideEnvironment = ({ proxy, hubEndpoint, caBundle }: Settings['workers']): [string, string][] =>
  Object.entries({
    HTTP_PROXY: proxy.http,
    HTTPS_PROXY: proxy.https,
    NO_PROXY: proxy.exempt,
    HF_ENDPOINT: hubEndpoint,
    NODE_EXTRA_CA_CERTS: caBundle ? `${paths.authorities}/${caBundle.key}` : '',
  }).filter(([, value]) => value !== '');

/** The Secret of a connection, by the keys that its documentation names. */
export function credentials(job: FineTuneJob, connection: string | undefined): V1EnvVar[] {
  const secret = job.spec.connections.find(({ name }) => name === connection)?.secretRef;
  if (!secret) return [];
  const keys = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'];
  return keys.map((key) => ({
    name: key,
    valueFrom: { secretKeyRef: { name: secret.name, key, optional: key === 'AWS_SESSION_TOKEN' } },
  }));
}

const empty = (name: string, mountPath: string) => ({ volume: { name, emptyDir: {} }, mount: { name, mountPath } });

const claim = (name: string, claimName: string, mountPath: string, readOnly = false) => ({
  volume: { name, persistentVolumeClaim: { claimName, readOnly } },
  mount: { name, mountPath, readOnly },
});

const authorities = (configMap: string) => ({
  volume: { name: 'espalier-authorities', configMap: { name: configMap } },
  mount: { name: 'espalier-authorities', mountPath: paths.authorities, readOnly: true },
});

function volumesOf(job: FineTuneJob, settings: Settings): { volumes: V1Volume[]; mounts: V1VolumeMount[] } {
  const { connections, workers } = job.spec;
  const secrets = [...new Set(connections.flatMap(({ secretRef }) => (secretRef ? [secretRef.name] : [])))];
  // A claim mounted there is the cache: filled once, under a lock, for every job of the namespace that mounts it.
  const ownCache = !workers.volumes.some(({ mountPath }) => mountPath.replace(/\/+$/, '') === paths.cache);
  const { cacheClaim, caBundle } = settings.workers;
  const parts: { volume: V1Volume; mount: V1VolumeMount }[] = [
    {
      volume: { name: 'espalier-job', configMap: { name: childNames.job(job.metadata.name) } },
      mount: { name: 'espalier-job', mountPath: paths.job, readOnly: true },
    },
    empty('espalier-work', paths.work),
    empty('espalier-tmp', paths.temporary),
    ...(ownCache
      ? [cacheClaim ? claim('espalier-cache', cacheClaim, paths.cache) : empty('espalier-cache', paths.cache)]
      : []),
    ...(caBundle ? [authorities(caBundle.configMap)] : []),
    ...secrets.map((secretName) => ({
      volume: { name: `secret-${secretName}`.slice(0, 63), secret: { secretName, defaultMode: 0o440 } },
      mount: {
        name: `secret-${secretName}`.slice(0, 63),
        mountPath: `${paths.secrets}/${secretName}`,
        readOnly: true,
      },
    })),
    ...workers.volumes.map(({ name, claimName, mountPath, readOnly }) =>
      claim(`claim-${name}`.slice(0, 63), claimName, mountPath, readOnly),
    ),
  ];
  return { volumes: parts.map(({ volume }) => volume), mounts: parts.map(({ mount }) => mount) };
}
