import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../../common/hash.js';
import { recipePrefix } from '../../../worker/artifacts/manifest.js';
import { startEmbeddedS3 } from '../../../worker/store/embedded/server.js';
import { startS3Proxy } from '../../support/s3Proxy.js';
import type { Ground, Place, RunPlan, Training } from '../place.js';
import { type TinyJob, tinyJob } from '../tinyJob.js';
import { trainOnce } from '../trainOnce.js';
import { mountDisk } from './disk.js';
import { localFaults } from './faults/faults.js';
import { Site } from './site.js';

export interface LocalOptions {
  readonly steps: number;
  /** Logs, views and settings of every run are copied below it. */
  readonly logs?: string | undefined;
}

export const localGround = (steps: number): Ground => ({
  faults: localFaults,
  storages: ['s3', 'disks', 's3', 'folder'],
  workers: [2, 3],
  steps,
  stepsApart: 4,
});

const everySteps = 3;
const leaves = 6;
const credentials = { accessKeyId: 'chaos', secretAccessKey: 'chaos-secret' };
/** Two checkpoints and one under way, and little more; logs and exports of three workers. */
const diskBytes = { checkpoints: 64 << 20, run: 64 << 20 };

/** Real processes of this machine. */
export async function openLocalPlace({ steps, logs }: LocalOptions): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), 'espalier-chaos-'));
  const job = await tinyJob(root, { steps, leaves });
  const calm: RunPlan = { name: 'undisturbed', workers: 1, storage: 'folder', faults: [], random: () => 0 };
  const place: Place = {
    ...localGround(steps),
    everySteps,
    mostMs: 900_000,
    leftOut: [],
    undisturbed: () => trainOnce(place, calm),
    during: (run, work) => during(job, root, run, logs && join(logs, run.name), work),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
  return place;
}

async function during<T>(
  job: TinyJob,
  root: string,
  plan: RunPlan,
  logs: string | undefined,
  work: (training: Training) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(root, `${plan.name}-`));
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  using disks = plan.storage === 'disks' ? await openDisks(folder) : undefined;
  await using s3 = await startEmbeddedS3({ folder: join(folder, 's3'), credentials, buckets: ['chaos'] });
  await using proxy = await startS3Proxy(s3.endpoint);
  const store = plan.storage === 's3' ? proxy : undefined;
  const reference = (name: string, below = folder) =>
    store ? { url: `s3://chaos/${name}`, endpoint: store.endpoint, region: s3.region } : { url: join(below, name) };
  await using site = await Site.open({
    folder: join(disks?.run.folder ?? folder, 'run'),
    clockFile: join(folder, 'clock'),
    workers: plan.workers,
    config: {
      recipeHash: job.prepared.compiled.hash,
      preparedFolder: job.preparedFolder,
      baseFolder: job.prepared.base.directory,
      cacheFolder: job.cacheFolder,
      engines: 1,
      checkpoint: { store: reference('checkpoints', disks?.checkpoints.folder), everySteps, keepLast: 2 },
      output: { store: reference('out'), merged: false },
    },
    env: { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey },
  });
  return await work({
    timeline: site.timeline,
    get ended() {
      return site.ended;
    },
    get launches() {
      return site.launches;
    },
    look: () => site.look(),
    isReadyFor: (fault) => site.isAbreast(localFaults.of(fault).workers ?? 2),
    inflict: (fault, blow) => localFaults.of(fault).inflict({ site, store, disks, ...blow }),
    settle: async () => {
      if (logs !== undefined) await cp(site.folder, logs, { recursive: true, filter: isText });
      const published = await publishedSha256(join(folder, store ? 's3/chaos/out' : 'out'), job);
      // Whatever is done to a worker, none of it is a fault of our own.
      const amiss = site.errors.filter((error) => error.includes(' Internal '));
      return { sha256: published, amiss, errors: site.errors };
    },
  });
}

/** Of the bytes that lie where they were published. */
async function publishedSha256(folder: string, { prepared }: TinyJob): Promise<string | undefined> {
  const file = join(folder, recipePrefix(prepared.compiled.hash), 'adapter_model.safetensors');
  const bytes = await readFile(file).catch(() => undefined);
  return bytes && sha256(bytes);
}

const isText = (path: string): boolean => !path.endsWith('/artifacts');

async function openDisks(folder: string) {
  const checkpoints = await mountDisk(join(folder, 'checkpoints-disk'), diskBytes.checkpoints);
  const run = await mountDisk(join(folder, 'run-disk'), diskBytes.run);
  return {
    checkpoints,
    run,
    [Symbol.dispose]: () => {
      checkpoints[Symbol.dispose]();
      run[Symbol.dispose]();
    },
  };
}
