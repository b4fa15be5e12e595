import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { create, openApi } from './api.js';
import { until } from './command.js';
import { writeKubeconfig } from './kubeconfig.js';
import type { Paths } from './paths.js';
import { plan } from './plan.js';
import { type Daemon, isAlive, lastWords, recordOf, startDaemon, stopDaemon } from './processes.js';
import type { Tools } from './tools.js';

/** What runs on the host itself, in the order in which it needs each other. */
export const controlPlaneParts = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'dns',
] as const;
export type ControlPlanePart = (typeof controlPlaneParts)[number];

export async function startPart(paths: Paths, tools: Tools, part: ControlPlanePart): Promise<void> {
  await startDaemon(paths, daemonOf(paths, tools, part));
}

export async function stopPart(paths: Paths, part: ControlPlanePart, graceMs: number): Promise<void> {
  await stopDaemon(paths, part, graceMs);
}

/** Waits for /readyz; an API server or etcd that ended meanwhile is an error at once, with its last words. */
export async function apiReady(paths: Paths, seconds: number, signal?: AbortSignal): Promise<void> {
  const api = await openApi(paths.pki);
  let ended: string | undefined;
  await until(
    'the API server is ready',
    seconds,
    async () => {
      ended = await deadPart(paths);
      if (ended) return true;
      const { status } = await api('GET', '/readyz');
      return status === 200;
    },
    signal,
  ).catch(async (error: unknown) => {
    throw new Error(`the API server is not ready\n${await lastWords(paths, 'kube-apiserver')}`, { cause: error });
  });
  if (ended) throw new Error(`${ended} ended at start:\n${await lastWords(paths, ended)}`);
}

/** What comes after the API server: controllers, scheduler, and names for services. */
export async function startControllers(paths: Paths, tools: Tools): Promise<void> {
  await Promise.all([
    writeKubeconfig(paths.pki, 'controller-manager', join(paths.state, 'controller-manager.kubeconfig')),
    writeKubeconfig(paths.pki, 'scheduler', join(paths.state, 'scheduler.kubeconfig')),
  ]);
  await startPart(paths, tools, 'kube-controller-manager');
  await startPart(paths, tools, 'kube-scheduler');
  await startDns(paths, tools);
}

/** CoreDNS runs on the host; pods meet it as the service every cluster has, kube-system/kube-dns. */
async function startDns(paths: Paths, tools: Tools): Promise<void> {
  await writeFile(join(paths.state, 'Corefile'), corefile(paths));
  await startPart(paths, tools, 'dns');
  const api = await openApi(paths.pki);
  const ports = ['UDP', 'TCP'].map((protocol) => ({ name: `dns-${protocol.toLowerCase()}`, port: 53, protocol }));
  const metadata = { name: 'kube-dns', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } };
  await create(api, '/api/v1/namespaces/kube-system/services', {
    apiVersion: 'v1',
    kind: 'Service',
    metadata,
    spec: { clusterIP: plan.dnsServiceIp, ports },
  });
  await create(api, '/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...metadata, labels: { 'kubernetes.io/service-name': 'kube-dns' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: [plan.hostIp], conditions: { ready: true } }],
    ports,
  });
}

async function deadPart(paths: Paths): Promise<string | undefined> {
  for (const part of ['etcd', 'kube-apiserver'] as const) {
    const record = await recordOf(paths, part);
    if (record && !(await isAlive(record))) return part;
  }
  return undefined;
}

function daemonOf(paths: Paths, tools: Tools, part: ControlPlanePart): Daemon {
  if (part === 'dns') return { name: part, command: tools.dns, args: ['-conf', join(paths.state, 'Corefile')] };
  return { name: part, command: tools.kube, args: [part, ...flagsOf[part](paths)] };
}

const flagsOf = {
  etcd: ({ state }) => {
    const [clients, peers] = [`http://${plan.etcdIp}:2379`, `http://${plan.etcdIp}:2380`];
    return [
      '--name=espalier',
      `--data-dir=${join(state, 'etcd')}`,
      // The data dies with the cluster; a killed process loses nothing, only a killed machine would.
      '--unsafe-no-fsync',
      `--listen-client-urls=${clients}`,
      `--advertise-client-urls=${clients}`,
      `--listen-peer-urls=${peers}`,
      `--initial-advertise-peer-urls=${peers}`,
      `--initial-cluster=espalier=${peers}`,
      '--log-level=warn',
    ];
  },
  'kube-apiserver': ({ pki }) => {
    const file = (name: string) => join(pki, name);
    return [
      `--etcd-servers=http://${plan.etcdIp}:2379`,
      `--bind-address=${plan.hostIp}`,
      `--advertise-address=${plan.hostIp}`,
      `--secure-port=${plan.apiPort}`,
      `--tls-cert-file=${file('apiserver.crt')}`,
      `--tls-private-key-file=${file('apiserver.key')}`,
      `--client-ca-file=${file('ca.crt')}`,
      `--kubelet-client-certificate=${file('apiserver-kubelet-client.crt')}`,
      `--kubelet-client-key=${file('apiserver-kubelet-client.key')}`,
      `--kubelet-certificate-authority=${file('ca.crt')}`,
      '--kubelet-preferred-address-types=InternalIP',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${file('service-accounts.pub')}`,
      `--service-account-signing-key-file=${file('service-accounts.key')}`,
      `--service-cluster-ip-range=${plan.servicesCidr}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged',
    ];
  },
  'kube-controller-manager': ({ state, pki }) => [
    `--kubeconfig=${join(state, 'controller-manager.kubeconfig')}`,
    '--leader-elect=false',
    `--service-account-private-key-file=${join(pki, 'service-accounts.key')}`,
    `--root-ca-file=${join(pki, 'ca.crt')}`,
    '--use-service-account-credentials',
    '--secure-port=0',
    // The defaults (20 a second) make the first namespaces wait five seconds for their service accounts.
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
  ],
  'kube-scheduler': ({ state }) => [
    `--kubeconfig=${join(state, 'scheduler.kubeconfig')}`,
    '--leader-elect=false',
    '--secure-port=0',
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
  ],
} satisfies Record<Exclude<ControlPlanePart, 'dns'>, (paths: Paths) => readonly string[]>;

/** Names outside the cluster are answered with "no such name" at once: what a pod reaches is part of the test. */
function corefile(paths: Paths): string {
  return `cluster.local:53 {
  bind ${plan.hostIp}
  errors
  kubernetes cluster.local {
    kubeconfig ${paths.kubeconfig}
    ttl 0
  }
}
.:53 {
  bind ${plan.hostIp}
  template ANY ANY . {
    rcode NXDOMAIN
  }
}
`;
}

/** First half of the start: certificates must be there. */
export async function startStorageAndApi(paths: Paths, tools: Tools): Promise<void> {
  await mkdir(paths.state, { recursive: true });
  await writeKubeconfig(paths.pki, 'admin', paths.kubeconfig);
  await startPart(paths, tools, 'etcd');
  await startPart(paths, tools, 'kube-apiserver');
}
