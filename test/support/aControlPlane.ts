import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node';
import { crd } from '../../api/generate/crd.js';
import { systemClock } from '../../common/clock.js';
import { createKubeClient, type KubeClient } from '../../controller/cluster/kube/client.js';
import { createHttp } from '../../controller/cluster/kube/http.js';
import type { KubernetesObject } from '../../controller/cluster/kube/objects.js';
import { pathOf, type Resource, resources } from '../../controller/cluster/kube/resources.js';
import { pathsFor } from '../cluster/paths.js';
import { writePki } from '../cluster/pki.js';
import { ensureTools } from '../cluster/tools.js';
import { freePort } from './freePort.js';

const crds: Resource<KubernetesObject> = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
};
const namespaces: Resource<KubernetesObject> = { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces' };

export interface ControlPlaneOptions {
  /** Further flags of kube-apiserver; files that they name may lie in `folder`. */
  readonly apiServerFlags?: (folder: string) => Promise<readonly string[]>;
}

/** etcd, kube-apiserver and kube-controller-manager on ports of their own, without nodes; FineTuneJob is installed. */
export class ControlPlane {
  readonly client: KubeClient;
  readonly config: KubeConfig;
  /** Of the administrator. */
  readonly kubeconfigPath: string;
  readonly folder: string;
  readonly #http;
  readonly #children: ReadonlyMap<string, ChildProcess>;
  readonly #start: (name: string, command: string, args: readonly string[]) => ChildProcess;
  readonly #restartApi: () => Promise<void>;
  #namespaces = 0;

  private constructor(parts: {
    config: KubeConfig;
    kubeconfigPath: string;
    folder: string;
    children: ReadonlyMap<string, ChildProcess>;
    start: (name: string, command: string, args: readonly string[]) => ChildProcess;
    restartApi: () => Promise<void>;
  }) {
    this.config = parts.config;
    this.kubeconfigPath = parts.kubeconfigPath;
    this.folder = parts.folder;
    this.#children = parts.children;
    this.#start = parts.start;
    this.#restartApi = parts.restartApi;
    this.#http = createHttp(parts.config, systemClock);
    this.client = createKubeClient({ http: this.#http });
  }

  static async start({ apiServerFlags }: ControlPlaneOptions = {}): Promise<ControlPlane> {
    // Outside the limit: on a new machine this waits for a build of Kubernetes, which has a limit of its own.
    const kube = process.env.ESPALIER_KUBE ?? (await ensureTools(pathsFor(process.env).tools, () => {})).kube;
    const signal = AbortSignal.timeout(300_000);
    const folder = await mkdtemp(join(tmpdir(), 'espalier-control-plane-'));
    const pki = join(folder, 'pki');
    await writePki(pki);
    const moreFlags = (await apiServerFlags?.(folder)) ?? [];
    const [etcd, peer, api] = await Promise.all([freePort(), freePort(), freePort()]);
    const children = new Map<string, ChildProcess>();
    const startProgram = (name: string, command: string, args: readonly string[]) => {
      const log = openSync(join(folder, `${name}.log`), 'a');
      const child = spawn(command, [...args], { stdio: ['ignore', log, log] });
      closeSync(log);
      children.set(name, child);
      return child;
    };
    const start = (name: string, args: readonly string[]) => startProgram(name, kube, [name, ...args]);
    const file = (name: string) => join(pki, name);
    start('etcd', [
      '--name=t',
      `--data-dir=${join(folder, 'etcd')}`,
      '--unsafe-no-fsync',
      `--listen-client-urls=http://127.0.0.1:${etcd}`,
      `--advertise-client-urls=http://127.0.0.1:${etcd}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
      `--initial-cluster=t=http://127.0.0.1:${peer}`,
      '--log-level=warn',
    ]);
    const startApi = () =>
      start('kube-apiserver', [
        `--etcd-servers=http://127.0.0.1:${etcd}`,
        '--bind-address=127.0.0.1',
        `--secure-port=${api}`,
        '--endpoint-reconciler-type=none',
        `--tls-cert-file=${file('apiserver.crt')}`,
        `--tls-private-key-file=${file('apiserver.key')}`,
        `--client-ca-file=${file('ca.crt')}`,
        '--service-account-issuer=https://kubernetes.default.svc',
        `--service-account-key-file=${file('service-accounts.pub')}`,
        `--service-account-signing-key-file=${file('service-accounts.key')}`,
        '--service-cluster-ip-range=10.96.0.0/16',
        '--authorization-mode=Node,RBAC',
        '--allow-privileged',
        ...moreFlags,
      ]);
    let apiServer = startApi();
    const config = new KubeConfig();
    const read = async (name: string) => (await readFile(file(name))).toString('base64');
    const [caData, certData, keyData] = await Promise.all(['ca.crt', 'admin.crt', 'admin.key'].map(read));
    config.loadFromClusterAndUser(
      { name: 'test', server: `https://127.0.0.1:${api}`, caData: caData!, skipTLSVerify: false },
      { name: 'admin', certData: certData!, keyData: keyData! },
    );
    const kubeconfigPath = join(folder, 'admin.kubeconfig');
    const plane = new ControlPlane({
      config,
      kubeconfigPath,
      folder,
      children,
      start: startProgram,
      restartApi: async () => {
        // As a machine dies: a graceful end would wait for its watchers.
        apiServer.kill('SIGKILL');
        await once(apiServer, 'exit');
        apiServer = startApi();
      },
    });
    try {
      await plane.#ready(signal);
      await writeFile(kubeconfigPath, config.exportConfig(), { mode: 0o600 });
      start('kube-controller-manager', [
        `--kubeconfig=${kubeconfigPath}`,
        '--leader-elect=false',
        `--service-account-private-key-file=${file('service-accounts.key')}`,
        `--root-ca-file=${file('ca.crt')}`,
        '--secure-port=0',
        '--kube-api-qps=500',
        '--kube-api-burst=1000',
      ]);
      await plane.client.create(crds, crd() as KubernetesObject, signal);
      await plane.#served(signal);
      return plane;
    } catch (error) {
      // Left running, its programs would keep the test's process from ending.
      await plane[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A namespace of its own for each test. */
  async namespace(signal: AbortSignal): Promise<string> {
    this.#namespaces += 1;
    const name = `test-${this.#namespaces}`;
    await this.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, signal);
    return name;
  }

  /** A further program that ends with the control plane; its output goes to `NAME.log` in the folder. */
  startProgram(name: string, command: string, args: readonly string[]): void {
    this.#start(name, command, args);
  }

  /** Process ids of all programs, by name. */
  get processes(): ReadonlyMap<string, number> {
    return new Map([...this.#children].map(([name, { pid }]) => [name, pid ?? 0]));
  }

  async restartApiServer(signal: AbortSignal): Promise<void> {
    await this.#restartApi();
    await this.#ready(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#http.close();
    for (const child of [...this.#children.values()].reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A new kind is served a moment after it was accepted. */
  async #served(signal: AbortSignal): Promise<void> {
    const path = pathOf(resources.fineTuneJobs);
    while (!(await this.client.raw(path, {}, signal).catch(() => undefined))) await systemClock.sleep(100, signal);
  }

  /** The controller-manager gives up when it meets an API server that is not healthy within ten seconds. */
  async #isHealthy(signal: AbortSignal): Promise<boolean> {
    const answer = await this.#http.send({ method: 'GET', path: '/healthz', signal }).catch(() => undefined);
    answer?.body.resume();
    return answer?.status === 200;
  }

  async #ready(signal: AbortSignal): Promise<void> {
    for (;;) {
      signal.throwIfAborted();
      const dead = [...this.#children.values()].find(({ exitCode }) => (exitCode ?? 0) !== 0);
      if (dead) throw new Error(`ended at start: ${dead.spawnargs.slice(0, 2).join(' ')}, see ${this.folder}`);
      const found = await this.client.raw('/version', {}, signal).then(
        () => this.client.raw('/api/v1/namespaces/default', {}, signal),
        () => undefined,
      );
      if (found && (await this.#isHealthy(signal))) return;
      await systemClock.sleep(100, signal);
    }
  }
}
