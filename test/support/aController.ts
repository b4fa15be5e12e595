import { apiVersion, kind } from '../../api/fineTuneJob.js';
import { systemClock } from '../../common/clock.js';
import { createLogger, type Logger, silentLogger } from '../../common/log.js';
import type { KubeClient } from '../../controller/cluster/kube/client.js';
import type { FineTuneJobObject, KubernetesObject, V1Job, V1Pod } from '../../controller/cluster/kube/objects.js';
import { type Resource, resources } from '../../controller/cluster/kube/resources.js';
import { type ControllerOptions, runController } from '../../controller/controller.js';
import { attemptOf } from '../../controller/resources/workerJob.js';
import { memoryTransport } from '../../proto/memory.js';
import type { ControlPlane } from './aControlPlane.js';
import { aDataReport } from './aDataReport.js';
import { aClusterSpec, someSettings } from './aWorld.js';

export const recipeHash = 'ab'.repeat(32);
export const masterKey = 'master key of the test';

/** One namespace with a controller that looks after it; the test plays user, scheduler and kubelet. */
export class Scene {
  readonly #plane: ControlPlane;
  readonly namespace: string;
  readonly #signal: AbortSignal;
  readonly #log: Logger;
  #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();

  private constructor(plane: ControlPlane, namespace: string, signal: AbortSignal) {
    this.#plane = plane;
    this.namespace = namespace;
    this.#signal = signal;
    this.#log = process.env.ESPALIER_TEST_LOG ? createLogger((line) => process.stderr.write(line)) : silentLogger;
  }

  static async open(plane: ControlPlane, signal: AbortSignal): Promise<Scene> {
    const scene = new Scene(plane, await plane.namespace(signal), signal);
    scene.startController();
    return scene;
  }

  get client(): KubeClient {
    return this.#plane.client;
  }

  startController(more: Partial<ControllerOptions> = {}): void {
    this.#stop = new AbortController();
    const options = {
      client: this.client,
      namespaces: [this.namespace],
      settings: {
        ...someSettings,
        networkPolicy: { ...someSettings.networkPolicy, controllerNamespace: this.namespace },
      },
      masterKey,
      transport: memoryTransport(),
      clock: systemClock,
      log: this.#log,
      random: Math.random,
      ...more,
    };
    this.#running = runController(options, this.#stop.signal);
  }

  async stopController(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopController();
  }

  async apply(name: string, { spec = {}, labels = {} }: { spec?: object; labels?: Record<string, string> } = {}) {
    const object = {
      apiVersion,
      kind,
      metadata: { namespace: this.namespace, name, labels },
      spec: { ...aClusterSpec, ...spec },
    } as unknown as FineTuneJobObject;
    return await this.client.create(resources.fineTuneJobs, object, this.#signal);
  }

  async edit(name: string, spec: object): Promise<void> {
    await this.client.merge(resources.fineTuneJobs, { namespace: this.namespace, name }, { spec }, this.#signal);
  }

  get<T>(resource: Resource<T>, name: string): Promise<T | undefined> {
    return this.client.get(resource, { namespace: this.namespace, name }, this.#signal);
  }

  async all<T>(resource: Resource<T>): Promise<readonly T[]> {
    const page = await this.client.list(resource, { namespace: this.namespace, limit: 500 }, this.#signal);
    return page === 'expired' ? [] : page.items;
  }

  /** Polls a real server, whose watches have no other end to wait for. */
  async until<T>(what: string, look: () => Promise<T | undefined | false>): Promise<T> {
    let last: unknown;
    for (;;) {
      if (this.#signal.aborted) {
        const jobs = await this.client.list(
          resources.fineTuneJobs,
          { namespace: this.namespace, limit: 5 },
          AbortSignal.timeout(5000),
        );
        const statuses = jobs === 'expired' ? [] : jobs.items.map(({ status }) => status);
        throw new Error(`never: ${what}\n${JSON.stringify(statuses, null, 1)}\n${JSON.stringify(last)}`);
      }
      const found = await look();
      if (found) return found;
      last = found;
      await systemClock.sleep(50, this.#signal).catch(() => {});
    }
  }

  async state(name: string, state: string, reason?: string): Promise<FineTuneJobObject> {
    return this.until(`${name} is ${state} ${reason ?? ''}`, async () => {
      const job = await this.get(resources.fineTuneJobs, name);
      const ready = job?.status?.conditions?.find(({ type }) => type === 'Ready');
      return job?.status?.state === state && (reason === undefined || ready?.reason === reason) ? job : undefined;
    });
  }

  pod(name: string): Promise<V1Pod> {
    return this.until(`pod ${name}`, async () => (await this.get(resources.pods, name)) ?? undefined);
  }

  /** Worker pods of one attempt that have not ended. */
  async workers(attempt: number, count: number): Promise<readonly V1Pod[]> {
    return this.until(`${count} workers of attempt ${attempt}`, async () => {
      const pods = (await this.all(resources.pods)).filter(
        (pod) =>
          pod.metadata?.labels?.['espalier.dev/role'] === 'worker' &&
          attemptOf(pod) === attempt &&
          !pod.metadata.deletionTimestamp &&
          (pod.status?.phase === 'Pending' || pod.status?.phase === 'Running'),
      );
      return pods.length === count ? pods : undefined;
    });
  }

  workerJob(name: string): Promise<V1Job> {
    return this.until(`Job ${name}`, async () => (await this.get(resources.jobs, name)) ?? undefined);
  }

  async setPod(pod: V1Pod, status: object): Promise<void> {
    const at = { namespace: this.namespace, name: pod.metadata?.name ?? '', subresource: 'status' };
    await this.client.merge(resources.pods, at, { status }, this.#signal);
  }

  /** The scheduler's part. */
  async bind(pod: V1Pod, node: string): Promise<void> {
    const { name = '', namespace = '' } = pod.metadata ?? {};
    const body = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name, namespace },
      target: { kind: 'Node', name: node },
    };
    await this.client.create(bindings(name), body as KubernetesObject, this.#signal);
  }

  runs(pod: V1Pod): Promise<void> {
    const time = now();
    return this.setPod(pod, {
      phase: 'Running',
      podIP: '127.0.0.1',
      podIPs: [{ ip: '127.0.0.1' }],
      conditions: ['PodScheduled', 'Ready'].map((type) => ({ type, status: 'True', lastTransitionTime: time })),
      containerStatuses: [{ ...container, ready: true, started: true, state: { running: { startedAt: time } } }],
    });
  }

  /** Its container ended; a message is what it wrote as its last words. */
  ends(pod: V1Pod, exitCode: number, message?: object, reason = exitCode === 0 ? 'Completed' : 'Error'): Promise<void> {
    const times = { startedAt: now(), finishedAt: now() };
    const terminated = { exitCode, reason, ...times, ...(message && { message: JSON.stringify(message) }) };
    return this.setPod(pod, {
      phase: exitCode === 0 ? 'Succeeded' : 'Failed',
      conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: now() }],
      containerStatuses: [{ ...container, ready: false, state: { terminated } }],
    });
  }

  async passPreflight(name: string, tries = 0): Promise<void> {
    await this.ends(await this.pod(`${name}-preflight-${tries}`), 0, {
      outcome: 'ready',
      recipe: {
        recipeHash,
        preparedUrl: 's3://models/out/.espalier/recipes/abab',
        steps: 4,
        summary: '8 rows',
        data: aDataReport,
        resolved: { baseSha256: 'ba5e'.padEnd(64, '0'), stepsPerEpoch: 2, settings: ['lora.rank=4'] },
      },
    });
  }
}

const bindings = (pod: string): Resource<KubernetesObject> => ({
  apiVersion: 'v1',
  kind: 'Binding',
  plural: `pods/${pod}/binding`,
});

const container = { name: 'espalier', image: 'worker:test', imageID: '', restartCount: 0 };
const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`;
