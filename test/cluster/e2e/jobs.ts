import { apiVersion, kind } from '../../../api/fineTuneJob.js';
import type { FineTuneJobStatus } from '../../../api/sections/status.js';
import { until } from '../command.js';
import { type Site, secretName } from './site.js';

/** Generous: the machine may be slow and busy. */
export const seconds = { finish: 900, step: 600 } as const;

/** Any Kubernetes object, as kubectl prints it. */
export interface KubeObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly generation?: number;
    readonly resourceVersion?: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

export interface JobObject extends KubeObject {
  readonly spec: { readonly workers: { readonly replicas: number }; readonly suspend: boolean };
  readonly status?: FineTuneJobStatus;
}

export interface PodObject extends KubeObject {
  readonly spec: { readonly nodeName?: string; readonly containers: readonly { readonly name: string }[] };
  readonly status: {
    readonly phase: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/**
 * A quota that makes steps last on every machine about as long as on a slow one: what a test does in mid-training finds the
 * training still going on.
 */
export const slowWorkers = {
  resources: { requests: { cpu: '50m', memory: '128Mi' }, limits: { cpu: '250m', memory: '1Gi' } },
} as const;

/** Deep partial replacement of a manifest's spec: sections merge, everything else is replaced. */
export type SpecPart = Readonly<Record<string, unknown>>;

/** A job on the tiny base: all jobs of a file that train alike have one recipe, and so one adapter. */
export function tinyManifest({ s3 }: Site, name: string, part: SpecPart = {}): object {
  const spec: SpecPart = {
    connections: [{ name: 'store', endpoint: s3.endpoint, secretRef: { name: secretName } }],
    base: { source: `s3://${s3.bucket}/bases/tiny`, connection: 'store' },
    data: {
      train: [{ source: `s3://${s3.bucket}/data/train.jsonl`, connection: 'store' }],
      maxTokens: 64,
      packing: false,
    },
    method: { lora: { rank: 4, alpha: 8, targetModules: 'all-linear' } },
    training: { maxSteps: 30, batch: { sequences: 6, microBatch: 1 }, learningRate: 0.01 },
    workers: { replicas: 3, engines: 1 },
    checkpoint: { everySteps: 10 },
    output: { destination: `s3://${s3.bucket}/out/${name}/`, connection: 'store' },
  };
  return { apiVersion, kind, metadata: { name }, spec: merged(spec, part) };
}

const isSection = (value: unknown): value is SpecPart =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const merged = (whole: SpecPart, part: SpecPart): SpecPart => ({
  ...whole,
  ...Object.fromEntries(
    Object.entries(part).map(([key, value]) => {
      const old = whole[key];
      return [key, isSection(old) && isSection(value) ? { ...old, ...value } : value];
    }),
  ),
});

export async function apply(site: Site, manifest: object): Promise<void> {
  await site.cluster.kubectl(['-n', site.namespace, 'apply', '-f', '-'], JSON.stringify(manifest));
}

export async function job(site: Site, name: string): Promise<JobObject> {
  return JSON.parse(await site.read(`/apis/${apiVersion}`, `finetunejobs/${name}`)) as JobObject;
}

export const conditionOf = ({ status }: JobObject, type: string) =>
  status?.conditions?.find((condition) => condition.type === type);

/** What a user does to wait; throws with what the job says when it did not come to a good end. */
export async function finished(site: Site, name: string): Promise<JobObject> {
  await site
    .kubectl('wait', `ftj/${name}`, '--for=condition=Finished', `--timeout=${seconds.finish}s`)
    .catch(async (error) => {
      throw new Error(`${name} does not finish:\n${await story(site, name)}`, { cause: error });
    });
  const found = await job(site, name);
  if (found.status?.state !== 'Complete') throw new Error(`${name} is not complete:\n${await story(site, name)}`);
  return found;
}

/** Polls a job until `wanted` holds. The API server may be away in between. */
export function jobUntil(
  site: Site,
  name: string,
  what: string,
  wanted: (job: JobObject) => boolean | Promise<boolean>,
): Promise<JobObject> {
  return until(`${name} ${what}`, seconds.step, async () => {
    const found = await job(site, name);
    return (await wanted(found)) && found;
  }).catch(async (error) => {
    throw new Error(`never: ${name} ${what}\n${await story(site, name)}`, { cause: error });
  });
}

/** Once the job has finished and every pod of it has come to its end, what is left of it. */
export async function remains(site: Site, name: string): Promise<readonly string[]> {
  return until(`the pods of ${name} end`, seconds.step, async () => {
    const names = listed(await children(site, name));
    return !names.some((each) => /^Pod .* (Running|Pending)$/.test(each)) && names;
  });
}

/** Objects below `out/NAME/` in the S3 server, without the internal ones. */
export async function published(site: Site, name: string): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of site.store.list(`out/${name}/`)) if (!key.includes('/.espalier/')) keys.push(key.slice(`out/${name}/`.length)); // biome-ignore format: one thought
  return keys;
}

/** What stands there when the job is done. */
export const publishedFiles = (recipe: string): readonly string[] => [
  ...['README.md', 'adapter.gguf', 'adapter_config.json', 'adapter_model.safetensors', 'chat_template.jinja', 'espalier.json', 'manifest.json', 'serving/adapter_config.json', 'serving/adapter_model.safetensors', 'tokenizer.json', 'tokenizer_config.json'].map((file) => `${recipe}/${file}`), // biome-ignore format: one list
  'latest.json',
];

/** The newest whole checkpoint of a job, by the S3 server alone; -1 when there is none. */
export async function checkpointOf(site: Site, name: string): Promise<number> {
  let newest = -1;
  for await (const { key } of site.store.list(`out/${name}/.espalier/checkpoints/`)) {
    const step = /\/(\d+)\/manifest\.json$/.exec(key)?.[1];
    if (step !== undefined) newest = Math.max(newest, Number(step));
  }
  return newest;
}

/** Everything of the job's making, by label: what its owner reference removes with it. */
export async function children(site: Site, name: string): Promise<readonly KubeObject[]> {
  const labelSelector = `espalier.dev/job=${name}`;
  return (await Promise.all(kindsOfChildren.map((each) => list(site, each, labelSelector)))).flat();
}

interface Kind {
  readonly kind: string;
  readonly api: string;
  readonly plural: string;
}
const pods: Kind = { kind: 'Pod', api: '/api/v1', plural: 'pods' };
const kindsOfChildren: readonly Kind[] = [
  pods,
  { kind: 'Job', api: '/apis/batch/v1', plural: 'jobs' },
  { kind: 'ConfigMap', api: '/api/v1', plural: 'configmaps' },
  { kind: 'Secret', api: '/api/v1', plural: 'secrets' },
  { kind: 'PodDisruptionBudget', api: '/apis/policy/v1', plural: 'poddisruptionbudgets' },
  { kind: 'NetworkPolicy', api: '/apis/networking.k8s.io/v1', plural: 'networkpolicies' },
];

/** The parts of a list do not say what they are: the list does. */
async function list(site: Site, { kind: of, api, plural }: Kind, labelSelector: string): Promise<KubeObject[]> {
  const { items } = JSON.parse(await site.read(api, plural, { labelSelector })) as { items: KubeObject[] };
  return items.map((item) => ({ ...item, kind: of }));
}

/** `Pod tiny-0-1 Succeeded`, `ConfigMap tiny-view`: names without the random end that a Job gives its pods. */
export const listed = (objects: readonly KubeObject[]): readonly string[] =>
  objects
    .map((object) => {
      const { kind: of, metadata } = object;
      const phase = of === 'Pod' ? (object as PodObject).status.phase : undefined;
      const isWorker = metadata.labels?.['batch.kubernetes.io/job-completion-index'] !== undefined;
      const name = isWorker ? metadata.name.replace(/-[a-z0-9]{5}$/, '') : metadata.name;
      return [of, name, phase].filter(Boolean).join(' ');
    })
    .sort();

/** All that a job has when it is at rest, worker pods left out: one of everything, and its worker Jobs. */
export const family = (name: string, workerJobs: readonly string[] = [`${name}-0`]): readonly string[] =>
  [
    ...['job', 'recipe', 'view'].map((map) => `ConfigMap ${name}-${map}`),
    ...workerJobs.map((each) => `Job ${each}`),
    `NetworkPolicy ${name}-workers`,
    `Pod ${name}-preflight-0 Succeeded`,
    `PodDisruptionBudget ${name}-workers`,
  ].sort();

const isWorkerOf = (name: string) => (line: string) => new RegExp(`^Pod ${name}-\\d+-\\d+ `).test(line);

export const workersIn = (all: readonly string[], name: string): readonly string[] => all.filter(isWorkerOf(name));
export const withoutWorkers = (all: readonly string[], name: string): readonly string[] =>
  all.filter((line) => !isWorkerOf(name)(line));

export async function workerPods(site: Site, name: string): Promise<readonly PodObject[]> {
  return (await list(site, pods, `espalier.dev/job=${name},espalier.dev/role=worker`)) as PodObject[];
}

export const isRunning = ({ metadata, status }: PodObject): boolean =>
  metadata.deletionTimestamp === undefined && status.phase === 'Running';

/** What was to happen in mid-training has happened: its workers get a whole CPU for the rest, where pods can be resized. */
export async function hurry(site: Site, name: string): Promise<void> {
  const resize = async ({ metadata, spec }: PodObject) => {
    const containers = spec.containers.map((each) => ({ name: each.name, resources: { limits: { cpu: '1' } } }));
    const patch = JSON.stringify({ spec: { containers } });
    await site.kubectl('patch', 'pod', metadata.name, '--subresource=resize', '-p', patch);
  };
  // A pod may end meanwhile, and Kubernetes before 1.33 does not resize: then the rest takes longer.
  await Promise.allSettled((await workerPods(site, name)).filter(isRunning).map(resize));
}

/** Highest step that some running worker has committed, by its log: the status tells it only every 30 s. */
export async function stepOf(site: Site, name: string): Promise<number> {
  const running = (await workerPods(site, name)).filter(isRunning);
  const steps = await Promise.all(
    running.map(async ({ metadata }) => {
      const log = await site.read('/api/v1', `pods/${metadata.name}/log`, { tailLines: '40' }).catch(() => '');
      const lines = log.split('\n').filter((line) => line.includes('"message":"committed"'));
      return Math.max(-1, ...lines.map((line) => (JSON.parse(line) as { step: number }).step));
    }),
  );
  return Math.max(-1, ...steps);
}

/** Waits until a worker has committed this step. */
export async function steppedTo(site: Site, name: string, step: number): Promise<void> {
  await until(`${name} commits step ${step}`, seconds.step, async () => (await stepOf(site, name)) >= step).catch(
    async (error) => {
      throw new Error(`${name} never commits step ${step}:\n${await story(site, name)}`, { cause: error });
    },
  );
}

/** For the message of a test that fails: what there is, and what it said. */
export async function story(site: Site, name: string): Promise<string> {
  const told = async (...args: string[]) => site.kubectl(...args).catch((error: unknown) => String(error));
  const workers = await workerPods(site, name).catch(() => []);
  return [
    await told('get', 'ftj', name, '-o', 'jsonpath={.status}'),
    await told('get', 'jobs,pods', '-l', `espalier.dev/job=${name}`, '-o', 'wide'),
    await told('get', 'events', '--sort-by=.lastTimestamp'),
    ...(await Promise.all(workers.map(async ({ metadata }) => `${metadata.name}:\n${await told('logs', metadata.name, '--tail=12')}`))), // biome-ignore format: one list
    await site.cluster.kubectl(['-n', 'espalier-e2e', 'logs', 'deploy/espalier', '--tail=40']).catch(String),
  ].join('\n---\n');
}
