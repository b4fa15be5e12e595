import { apiVersion, type FineTuneJobInput, kind } from '../../api/fineTuneJob.js';
import { checkJob } from '../../api/parse/parseJob.js';
import type { RecipeReference } from '../../api/podVerdict.js';
import type { FineTuneJobStatus } from '../../api/sections/status.js';
import { type Live, nothingLive, type Observed } from '../../controller/cluster/cluster.js';
import type { FineTuneJobObject, V1Job, V1Pod } from '../../controller/cluster/kube/objects.js';
import { worldOf } from '../../controller/reconcile/read.js';
import type { World } from '../../controller/reconcile/world.js';
import { recipeConfigMap } from '../../controller/resources/configMaps.js';
import { labelsOf, metadataOf, type Owner } from '../../controller/resources/names.js';
import { tryAnnotation } from '../../controller/resources/preflightPod.js';
import { attemptLabel, workerJob } from '../../controller/resources/workerJob.js';
import { type Settings, settingsOf } from '../../controller/settings.js';
import { podDefaults } from './aControllerConfig.js';

export const someSettings: Settings = settingsOf(podDefaults, {
  identity: { address: 'espalier:8443', authority: 'AUTHORITY', controllerAuthority: 'AUTHORITY' },
});

/** Its parts that a job in a cluster needs, in small. */
export const aClusterSpec: FineTuneJobInput['spec'] = {
  connections: [{ name: 'store', endpoint: 'http://store:9000', secretRef: { name: 'store-keys' } }],
  base: { source: 'hf://owner/base' },
  data: { train: [{ source: 's3://data/train.jsonl', connection: 'store' }] },
  method: { lora: { rank: 4, alpha: 8 } },
  training: { maxSteps: 4, batch: { sequences: 4 } },
  workers: { replicas: 3 },
  output: { destination: 's3://models/out/', connection: 'store' },
};

const owner: Owner = { namespace: 'ns', name: 'a-job', uid: 'uid-1' };
export const worldNowMs = Date.parse('2026-01-01T12:00:00Z');
export const agoText = (seconds: number): string => new Date(worldNowMs - seconds * 1000).toISOString();

export interface WorldOptions {
  readonly spec?: object;
  readonly status?: FineTuneJobStatus;
  readonly metadata?: object;
  readonly jobs?: readonly V1Job[];
  readonly pods?: readonly V1Pod[];
  readonly warnings?: Observed['warnings'];
  readonly admission?: Observed['admission'];
  readonly recipe?: RecipeReference | null;
  readonly live?: Partial<Live>;
  readonly settings?: Partial<Settings>;
}

export const aRecipe: RecipeReference = {
  recipeHash: 'ab'.repeat(32),
  preparedUrl: 's3://models/out/.espalier/recipes/abab',
  steps: 4,
  summary: '8 rows',
};

/** A job as a decision sees it, built through the same reading as the real one. */
export function aWorld(options: WorldOptions = {}): World {
  const { spec = {}, status, metadata, jobs = [], pods = [], warnings = [], admission, recipe = aRecipe } = options;
  const job = {
    apiVersion,
    kind,
    metadata: { ...owner, generation: 1, ...metadata },
    spec: { ...aClusterSpec, ...spec },
    ...(status && { status }),
  } as unknown as FineTuneJobObject;
  const observed: Observed = {
    job,
    configMaps: recipe ? [recipeConfigMap(owner, recipe)] : [],
    jobs,
    pods,
    disruptionBudget: undefined,
    networkPolicy: undefined,
    trust: undefined,
    warnings,
    admission,
  };
  const settings = { ...someSettings, ...options.settings };
  return worldOf(observed, { ...nothingLive, ...options.live }, settings, worldNowMs);
}

/** The worker Job of an attempt, as the builder makes it. */
export function aWorkerJob(attempt: number, over: { spec?: object; status?: object; metadata?: object } = {}): V1Job {
  const resolved = checkJob({ apiVersion, kind, metadata: { name: 'a-job' }, spec: aClusterSpec }, { file: 'test' });
  const made = workerJob({ owner, job: resolved, attempt, replicas: 3, settings: someSettings });
  return {
    ...made,
    metadata: { ...made.metadata, uid: `job-${attempt}`, resourceVersion: '1', ...over.metadata },
    spec: { ...made.spec!, ...over.spec },
    status: { ...over.status },
  };
}

export interface PodOptions {
  readonly index?: number;
  readonly attempt?: number;
  /** Ended with it, this long ago. */
  readonly exitCode?: number;
  readonly endedSecondsAgo?: number;
  readonly message?: object;
  readonly reason?: string;
  readonly ready?: boolean;
  readonly status?: object;
  readonly metadata?: object;
}

export function aWorkerPod({ index = 0, attempt = 0, ...options }: PodOptions = {}): V1Pod {
  return podOf(`a-job-${attempt}-${index}-${options.endedSecondsAgo ?? 0}`, options, {
    labels: { ...labelsOf(owner, 'worker'), [attemptLabel]: String(attempt) },
    annotations: { 'batch.kubernetes.io/job-completion-index': String(index) },
  });
}

export const aPreflightPod = (tries: number, options: PodOptions = {}): V1Pod =>
  podOf(`a-job-preflight-${tries}`, options, {
    ...metadataOf(owner, `a-job-preflight-${tries}`, 'preflight'),
    annotations: { [tryAnnotation]: String(tries) },
  });

function podOf(name: string, options: PodOptions, metadata: object): V1Pod {
  const { exitCode, endedSecondsAgo = 0, message, reason = 'Error', ready = false, status = {} } = options;
  const finishedAt = agoText(endedSecondsAgo);
  const terminated = { exitCode, reason, finishedAt, ...(message && { message: JSON.stringify(message) }) };
  const ended = { phase: exitCode === 0 ? 'Succeeded' : 'Failed', containerStatuses: [{ state: { terminated } }] };
  const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
  const alive = { phase: ready ? 'Running' : 'Pending', conditions };
  return {
    metadata: { name, uid: name, namespace: 'ns', ...metadata, ...options.metadata },
    status: { ...(exitCode === undefined ? alive : ended), ...status },
  } as unknown as V1Pod;
}
