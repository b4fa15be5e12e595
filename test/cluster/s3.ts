import { spawn } from 'node:child_process';
import { freePort } from '../support/freePort.js';
import { until } from './command.js';

const port = 7070;
export const s3Credentials = { accessKeyId: 'cluster-access', secretAccessKey: 'cluster-secret' } as const;

/** A real S3 server as a pod: what jobs in the cluster write to. */
export interface ClusterS3 extends AsyncDisposable {
  /** For pods of the cluster. */
  readonly endpoint: string;
  /** For this process: the same server through a forwarded port. */
  readonly endpointHere: string;
  readonly region: string;
  readonly bucket: string;
  readonly credentials: typeof s3Credentials;
}

interface Kubectl {
  readonly kubectlPath: string;
  readonly kubeconfig: string;
  kubectl(args: readonly string[], input?: string): Promise<string>;
  /** This machine has a route to addresses of services. */
  readonly isNear: boolean;
}

/** Starts versitygw in a namespace, with one bucket on an emptyDir, and finds a way to it from here. */
export async function startClusterS3(cluster: Kubectl, namespace: string, image: string): Promise<ClusterS3> {
  const bucket = 'espalier';
  const objects = s3Objects(namespace, image, bucket);
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await cluster.kubectl(['apply', '-f', '-'], list);
  await cluster.kubectl(['-n', namespace, 'rollout', 'status', 'deployment/s3', '--timeout=120s']);
  const { endpointHere, stop } = cluster.isNear
    ? await direct(cluster, namespace)
    : await forwarded(cluster, namespace);
  await until('the S3 server answers', 30, async () => (await fetch(endpointHere)).status > 0).catch(async (error) => {
    await stop();
    throw error;
  });
  return {
    endpoint: `http://s3.${namespace}.svc.cluster.local:${port}`,
    endpointHere,
    region: 'us-east-1',
    bucket,
    credentials: s3Credentials,
    [Symbol.asyncDispose]: stop,
  };
}

interface Way {
  readonly endpointHere: string;
  readonly stop: () => Promise<void>;
}

/** The service's own address: it needs no API server, so it outlives tests that stop one. */
async function direct({ kubectl }: Kubectl, namespace: string): Promise<Way> {
  const address = await kubectl(['-n', namespace, 'get', 'service', 's3', '-o', 'jsonpath={.spec.clusterIP}']);
  return { endpointHere: `http://${address}:${port}`, stop: async () => {} };
}

async function forwarded({ kubectlPath, kubeconfig }: Kubectl, namespace: string): Promise<Way> {
  const local = await freePort();
  const args = ['--kubeconfig', kubeconfig, '-n', namespace, 'port-forward', 'service/s3', `${local}:${port}`];
  const forward = spawn(kubectlPath, args, { stdio: 'ignore' });
  const ended = new Promise<void>((done) => forward.once('exit', () => done()));
  const stop = async () => {
    forward.kill('SIGKILL');
    await ended;
  };
  return { endpointHere: `http://127.0.0.1:${local}`, stop };
}

function s3Objects(namespace: string, image: string, bucket: string): readonly unknown[] {
  const labels = { app: 's3' };
  const restricted = {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  };
  const volumeMounts = [{ name: 'data', mountPath: '/data' }];
  const template = {
    metadata: { labels },
    spec: {
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65532,
        fsGroup: 65532,
        seccompProfile: { type: 'RuntimeDefault' },
      },
      initContainers: [
        {
          name: 'bucket',
          image,
          // A bucket of the posix backend is a folder.
          command: ['node', '-e', `require('fs').mkdirSync('/data/${bucket}', { recursive: true })`],
          securityContext: restricted,
          volumeMounts,
        },
      ],
      containers: [
        {
          name: 's3',
          image,
          args: ['--quiet', '--port', `:${port}`, 'posix', '/data'],
          env: [
            { name: 'ROOT_ACCESS_KEY', value: s3Credentials.accessKeyId },
            { name: 'ROOT_SECRET_KEY', value: s3Credentials.secretAccessKey },
          ],
          ports: [{ containerPort: port }],
          readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
          securityContext: restricted,
          volumeMounts,
        },
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    },
  };
  const metadata = { name: 's3', namespace };
  return [
    { apiVersion: 'v1', kind: 'Service', metadata, spec: { selector: labels, ports: [{ port }] } },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata,
      spec: { replicas: 1, strategy: { type: 'Recreate' }, selector: { matchLabels: labels }, template },
    },
  ];
}
