import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as later } from 'node:timers/promises';
import { apiVersion } from '../../../api/fineTuneJob.js';
import { until } from '../../cluster/command.js';
import { apply, conditionOf, isRunning, type JobObject, type PodObject } from '../../cluster/e2e/jobs.js';
import type { Site } from '../../cluster/e2e/site.js';
import { Timeline } from '../timeline.js';
import type { KubeApi } from './kubeApi.js';
import { followLog } from './podLog.js';

export interface RunningJobOptions {
  readonly site: Site;
  readonly api: KubeApi;
  readonly name: string;
  readonly manifest: object;
  /** How many workers it has when it is whole. */
  readonly workers: number;
  readonly logs?: string | undefined;
}

/** A worker pod that runs, or comes to life. */
export interface LiveWorker {
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  /** Of the Job that made it: `<name>-<attempt>/<index>`. */
  readonly place: string;
  /** It has the newest state, or the one before. */
  readonly isAbreast: boolean;
}

/** The Job waits longer after each loss of an index: 10, 20, 40 s. */
const mostLossesOfAPlace = 3;
const lookMs = 400;

/** A job in the cluster, its pods and all that they say, as somebody sees it who has `kubectl`. */
export class RunningJob implements AsyncDisposable {
  readonly timeline = new Timeline();
  readonly errors: string[] = [];
  /** More than one: it was made again. */
  readonly uids = new Set<string>();
  readonly #options: RunningJobOptions;
  readonly #over = new AbortController();
  readonly #losses = new Map<string, number>();
  readonly #followed = new Map<string, Promise<void>>();
  readonly #watching: Promise<void>;
  #pods: readonly PodObject[] = [];
  #job: JobObject | undefined;

  private constructor(options: RunningJobOptions) {
    this.#options = options;
    if (options.logs !== undefined) mkdirSync(options.logs, { recursive: true });
    this.#watching = this.#watch();
  }

  static async start(options: RunningJobOptions): Promise<RunningJob> {
    await apply(options.site, options.manifest);
    return new RunningJob(options);
  }

  get name(): string {
    return this.#options.name;
  }

  get workers(): number {
    return this.#options.workers;
  }

  get attempt(): number {
    return this.#job?.status?.attempt ?? 0;
  }

  get ended(): string | undefined {
    if (this.#job === undefined || conditionOf(this.#job, 'Finished')?.status !== 'True') return undefined;
    return this.#job.status?.state === 'Complete' ? 'finished' : `failed: ${conditionOf(this.#job, 'Failed')?.message}`;
  }

  get live(): readonly LiveWorker[] {
    const { highest, last } = this.timeline;
    return this.#pods.filter(isRunning).map(({ metadata, spec }) => ({
      name: metadata.name,
      uid: metadata.uid,
      node: spec.nodeName ?? '',
      place: `${metadata.labels?.['batch.kubernetes.io/job-name']}/${metadata.labels?.['batch.kubernetes.io/job-completion-index']}`,
      isAbreast: (last.get(metadata.name) ?? Number.NEGATIVE_INFINITY) >= highest - 1,
    }));
  }

  /** So many have the state, and whoever trains is where the others are. */
  isAbreast(least: number): boolean {
    const trains = this.live.filter(({ name }) => this.timeline.last.has(name));
    return trains.length >= least && trains.every((worker) => worker.isAbreast);
  }

  mayLose({ place }: LiveWorker, times = 1): boolean {
    return (this.#losses.get(place) ?? 0) + times <= mostLossesOfAPlace;
  }

  lost(workers: readonly LiveWorker[]): void {
    for (const { place } of workers) this.#losses.set(place, (this.#losses.get(place) ?? 0) + 1);
  }

  /** Sees what there is now; the API server may have come back a moment ago. */
  async look(): Promise<void> {
    await until('the API server tells how the job is', 120, async () => {
      await this.#look();
      return true;
    });
  }

  async #look(): Promise<void> {
    const { site, api, name } = this.#options;
    const select = encodeURIComponent(`espalier.dev/job=${name},espalier.dev/role=worker`);
    const [pods, job] = await Promise.all([
      api.get<{ items: PodObject[] }>(`/api/v1/namespaces/${site.namespace}/pods?labelSelector=${select}`),
      api.get<JobObject>(`/apis/${apiVersion}/namespaces/${site.namespace}/finetunejobs/${name}`),
    ]);
    this.#pods = pods.items;
    this.#job = job;
    this.uids.add(job.metadata.uid);
    for (const { metadata, status } of pods.items)
      if (status.phase !== 'Pending' && !this.#followed.has(metadata.name))
        this.#followed.set(metadata.name, this.#follow(metadata.name));
  }

  /** Looks until it is so, or the training has ended, or the time is over. */
  async until(isSo: () => boolean, mostMs: number): Promise<boolean> {
    const endMs = performance.now() + mostMs;
    while (!isSo() && this.ended === undefined && performance.now() < endMs) await later(50);
    return isSo();
  }

  /** All pods have ended, and every line of their logs has been read. */
  async heardAll(): Promise<void> {
    await this.look();
    await Promise.all(this.#followed.values());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await Promise.all([this.#watching, ...this.#followed.values()]);
    await this.#options.site.kubectl('delete', 'ftj', this.name, '--ignore-not-found', '--wait', '--timeout=180s');
  }

  async #watch(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      // The API server may be away: that is one of the faults.
      await this.#look().catch(() => {});
      await later(lookMs, undefined, { signal }).catch(() => {});
    }
  }

  async #follow(pod: string): Promise<void> {
    const { site, api, logs } = this.#options;
    const copy: WriteStream | undefined = logs === undefined ? undefined : createWriteStream(join(logs, `${pod}.log`));
    await followLog({
      api,
      namespace: site.namespace,
      pod,
      signal: this.#over.signal,
      stateOf: () => {
        const found = this.#pods.find(({ metadata }) => metadata.name === pod);
        if (found === undefined) return 'gone';
        return ['Succeeded', 'Failed'].includes(found.status.phase) ? 'ended' : 'alive';
      },
      onLine: (line) => {
        copy?.write(`${line}\n`);
        this.timeline.heard(line, site.cluster.own ? writtenAtMs(line) : performance.now());
        if (line.includes('"level":"error"')) this.errors.push(`${pod}: ${line}`);
      },
    });
    copy?.end();
  }
}

/** Nodes on this machine have its clock: a line that was read late still tells when it was written. */
function writtenAtMs(line: string): number {
  const now = performance.now();
  const written = Date.parse(/"time":"([^"]+)"/.exec(line)?.[1] ?? '') - (Date.now() - now);
  return Number.isNaN(written) ? now : Math.min(written, now);
}
