import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../api/errors.js';
import { quantityBytes } from '../../api/fields.js';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import type { Verdict } from '../../api/podVerdict.js';
import { manifestKey } from '../artifacts/manifest.js';
import { verifyPublished } from '../artifacts/verify.js';
import type { StoreReference, WorkerConfig } from '../config.js';
import { resolveBase } from '../model/resolve.js';
import { hubSettings } from '../model/sources/hubSettings.js';
import { createPlaces, type SecretOf } from '../preflight/places.js';
import { type PreparedJob, readPrepared } from '../recipe/prepared.js';
import { runWorker, type WorkerDeps } from '../run.js';
import type { Store } from '../store/store.js';
import { openIdentity } from './identity.js';
import { type Paths, readRecipeReference } from './mounts.js';
import { checkpointsPrefix, downloadPrepared } from './preparedStore.js';

export interface PodWorkerDeps extends WorkerDeps {
  readonly paths: Paths;
  readonly secretOf: SecretOf;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly random: () => number;
}

/** A worker's life in a pod: what others prepared is fetched, then it is a worker as on any machine. */
export async function podWorker(job: FineTuneJob, deps: PodWorkerDeps): Promise<Verdict> {
  const { paths, secretOf, env, clock, leave } = deps;
  const { recipeHash } = readRecipeReference(paths);
  const { spec } = job;
  const places = createPlaces({ connections: spec.connections, secretOf, workingFolder: '/', clock });
  const { destination, connection } = spec.output;
  const store = await places.store(destination, connection);
  // A replacement that comes after the end finds its work done.
  const before = await published(store, recipeHash, leave.signal);
  if (before) return before;

  // Before anything is downloaded: whoever is refused here is of no use.
  await using identity = await openIdentity({ ...deps, controller: needed(env, 'ESPALIER_CONTROLLER') }, leave.signal);
  const preparedFolder = join(paths.work, 'prepared');
  await downloadPrepared(store, recipeHash, preparedFolder, leave.signal);
  const prepared = await readPrepared(preparedFolder, recipeHash);
  const baseFolder = await fetchBase(job, prepared, deps);
  const workFolder = join(paths.work, 'worker');
  await mkdir(workFolder, { recursive: true });
  const reference = storeReference(destination, places.connection(connection));
  const config: WorkerConfig = {
    member: needed(env, 'POD_UID'),
    recipeHash,
    preparedFolder,
    baseFolder,
    cacheFolder: paths.cache,
    workFolder,
    listen: `${hostOf(needed(env, 'POD_IP'))}:${needed(env, 'ESPALIER_PORT')}`,
    token: identity.token,
    engines: spec.workers.engines ?? Math.max(1, Math.floor(Number(needed(env, 'ESPALIER_CPU_MILLIS')) / 1000)),
    ...(spec.workers.memoryBudget && { memoryBudgetBytes: quantityBytes(spec.workers.memoryBudget) }),
    checkpoint: {
      store: { ...reference, url: `${reference.url.replace(/\/+$/, '')}/${checkpointsPrefix}` },
      ...spec.checkpoint,
    },
    output: { store: reference, merged: spec.output.merged },
    logLevel: 'info',
  };
  if ((await runWorker(config, { ...deps, tls: identity.tls })) === 'left') return { outcome: 'left' };
  // Exit 0 means nothing but this: the manifest was read back, and all that it lists.
  return (
    (await published(store, recipeHash, new AbortController().signal)) ??
    fail('PublicationMissing', { url: store.url(manifestKey(recipeHash)) })
  );
}

async function published(store: Store, recipeHash: string, signal: AbortSignal): Promise<Verdict | undefined> {
  const key = manifestKey(recipeHash);
  if (!(await store.stat(key, { signal }))) return undefined;
  const { adapterSha256 } = await verifyPublished(store, recipeHash, { signal });
  return { outcome: 'published', url: store.url(key.slice(0, key.lastIndexOf('/') + 1)), adapterSha256 };
}

/** The revision that the preflight pinned, into the cache: where a claim is mounted there, once for all, under a lock. */
async function fetchBase({ spec }: FineTuneJob, { record }: PreparedJob, deps: PodWorkerDeps): Promise<string> {
  const { paths, secretOf, env, clock, log, leave } = deps;
  const { connection, source } = spec.base;
  const places = createPlaces({ connections: spec.connections, secretOf, workingFolder: '/', clock });
  const reference = spec.connections.find(({ name }) => name === connection)?.secretRef;
  const token = reference && secretOf(reference.name)?.HF_TOKEN;
  const hub = hubSettings(env);
  const base = await resolveBase(
    { sources: [source], revision: record.base.revision ?? spec.base.revision },
    {
      cacheDirectory: paths.cache,
      hub: token ? { ...hub, token } : hub,
      openStore: (url) => places.store(url, connection),
      python: null,
      workingFolder: '/',
      clock,
      log,
      signal: leave.signal,
    },
  );
  if (base.sha256 !== record.base.sha256)
    fail('BaseChanged', { folder: source, expected: record.base.sha256, found: base.sha256 });
  return base.directory;
}

const storeReference = (
  url: string,
  { endpoint, region }: { readonly endpoint?: string | undefined; readonly region?: string | undefined },
): StoreReference => ({ url, ...(endpoint && { endpoint }), ...(region && { region }) });

const hostOf = (ip: string): string => (ip.includes(':') ? `[${ip}]` : ip);

const needed = (env: PodWorkerDeps['env'], name: string): string =>
  env[name] || fail('Internal', { what: `the pod's environment has no ${name}` });
