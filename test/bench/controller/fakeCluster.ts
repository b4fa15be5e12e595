import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../../common/clock.js';
import { packageRoot } from '../../../common/root.js';
import type { KubeClient } from '../../../controller/cluster/kube/client.js';
import { createHttp } from '../../../controller/cluster/kube/http.js';
import type { KubernetesObject } from '../../../controller/cluster/kube/objects.js';
import { type Resource, resources } from '../../../controller/cluster/kube/resources.js';
import { until } from '../../cluster/command.js';
import { pathsFor } from '../../cluster/paths.js';
import { ensureTools } from '../../cluster/tools.js';
import { ControlPlane } from '../../support/aControlPlane.js';
import { auditFlags, readAudit } from './audit.js';
import type { Call } from './calls.js';
import { cpuSecondsOf } from './processes.js';

const nodes: Resource<KubernetesObject> = { apiVersion: 'v1', kind: 'Node', plural: 'nodes' };
const namespaces: Resource<KubernetesObject> = { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces' };
export const serviceAccounts: Resource<KubernetesObject> = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
};

const podsPerNode = 110;

/** A control plane with scheduler whose nodes are played by kwok. Nothing runs, everything is scheduled and becomes Ready. */
export class FakeCluster {
  readonly plane: ControlPlane;
  readonly #http;

  private constructor(plane: ControlPlane) {
    this.plane = plane;
    this.#http = createHttp(plane.config, systemClock);
  }

  /** `audited`: the user whose calls are written down by the API server. */
  static async start(
    { pods, audited, environment }: { pods: number; audited: string; environment: NodeJS.ProcessEnv },
    signal: AbortSignal,
  ): Promise<FakeCluster> {
    const tools = await ensureTools(pathsFor(environment).tools, (line) => process.stderr.write(`${line}\n`));
    const plane = await ControlPlane.start({ apiServerFlags: (folder) => auditFlags(folder, audited) });
    const cluster = new FakeCluster(plane);
    try {
      plane.startProgram('kube-scheduler', tools.kube, [
        'kube-scheduler',
        `--kubeconfig=${plane.kubeconfigPath}`,
        '--leader-elect=false',
        '--secure-port=0',
        '--kube-api-qps=500',
        '--kube-api-burst=1000',
      ]);
      const stages = ['stages', 'preflight'].map((name) =>
        join(packageRoot(), 'test', 'cluster', 'kwok', `${name}.yaml`),
      );
      plane.startProgram('kwok', tools.kwok, [
        `--kubeconfig=${plane.kubeconfigPath}`,
        '--manage-all-nodes=true',
        '--node-lease-duration-seconds=40',
        // Pods of nobody: what dials them never leaves this machine, and is refused at once.
        '--cidr=127.64.0.0/10',
        '--node-ip=127.0.0.1',
        ...stages.map((path) => `--config=${path}`),
      ]);
      await cluster.#makeNodes(Math.ceil((pods * 1.1) / podsPerNode), signal);
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get client(): KubeClient {
    return this.plane.client;
  }

  /** What the audited user called since the start, by the API server's own record. */
  calls(): Promise<readonly Call[]> {
    return readAudit(this.plane.folder);
  }

  async makeNamespace(name: string, signal: AbortSignal): Promise<void> {
    await this.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, signal);
    const account = { namespace: name, name: 'default' };
    await until(`namespace ${name}`, 60, async () => this.client.get(serviceAccounts, account, signal), signal);
  }

  /** Waits until nothing of it is left. */
  async removeNamespace(name: string, signal: AbortSignal): Promise<void> {
    // Jobs first: their pods go before the namespace's own sweep begins, which meets objects one kind after the other.
    for (const { plural, apiVersion } of [resources.fineTuneJobs, resources.jobs])
      await this.#delete(`/apis/${apiVersion}/namespaces/${name}/${plural}`, signal);
    await this.#delete(`/api/v1/namespaces/${name}`, signal);
    const gone = async () => (await this.client.raw(`/api/v1/namespaces/${name}`, {}, signal)) === undefined;
    await until(`namespace ${name} is gone`, 900, gone, signal);
  }

  /** Seconds of CPU that each part of the cluster has taken so far. */
  async cpuSeconds(): Promise<Readonly<Record<string, number>>> {
    const parts = [...this.plane.processes].map(async ([name, pid]) => [name, await cpuSecondsOf(pid)] as const);
    return Object.fromEntries(await Promise.all(parts));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.close();
    await this.plane[Symbol.asyncDispose]();
  }

  async #delete(path: string, signal: AbortSignal): Promise<void> {
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background', gracePeriodSeconds: 0 };
    const { status, body: answer } = await this.#http.send({ method: 'DELETE', path, body, signal });
    answer.resume();
    if (status >= 300 && status !== 404) throw new Error(`DELETE ${path}: ${status}`);
  }

  async #makeNodes(count: number, signal: AbortSignal): Promise<void> {
    for (let index = 0; index < count; index++) await this.client.create(nodes, fakeNode(`fake-${index}`), signal);
    await until(
      `${count} fake nodes are Ready`,
      120,
      async () => {
        const page = await this.client.list(nodes, { limit: 500 }, signal);
        return page !== 'expired' && page.items.filter(isUsable).length >= count;
      },
      signal,
    );
  }
}

function fakeNode(name: string): KubernetesObject {
  const resource = { cpu: '64', memory: '512Gi', pods: String(podsPerNode) };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name, type: 'kwok' } },
    status: { allocatable: resource, capacity: resource },
  } as KubernetesObject;
}

interface NodeObject extends KubernetesObject {
  readonly spec?: { readonly taints?: readonly unknown[] };
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Ready, and no longer kept from pods. */
const isUsable = (node: NodeObject): boolean =>
  !node.spec?.taints?.length &&
  (node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false);

/** For a program that is no administrator. */
export async function writeTokenKubeconfig(
  { plane }: FakeCluster,
  { namespace, name }: { readonly namespace: string; readonly name: string },
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const request = {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    metadata: { namespace },
    spec: { expirationSeconds: 24 * 3600 },
  };
  const resource: Resource<KubernetesObject & { status?: { token?: string } }> = {
    ...serviceAccounts,
    plural: `serviceaccounts/${name}/token`,
  };
  const made = await plane.client.create(resource, request, signal);
  const token = made === 'exists' ? undefined : made.status?.token;
  const cluster = plane.config.getCurrentCluster();
  if (!token || !cluster) throw new Error(`no token for ${namespace}/${name}`);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'bench',
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: name } }],
    clusters: [{ name: 'bench', cluster: { server: cluster.server, 'certificate-authority-data': cluster.caData } }],
    users: [{ name, user: { token } }],
  };
  await writeFile(path, JSON.stringify(config), { mode: 0o600 });
}
