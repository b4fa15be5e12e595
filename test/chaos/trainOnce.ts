import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../common/hash.js';
import { recipePrefix } from '../../worker/artifacts/manifest.js';
import { startEmbeddedS3 } from '../../worker/store/embedded/server.js';
import { startS3Proxy } from '../support/s3Proxy.js';
import { mountDisk } from './disk.js';
import { later, type Scene, type Storage } from './faults/fault.js';
import { type FaultName, faultCase } from './faults/faults.js';
import { Site } from './site.js';
import { type Cost, costOf } from './timeline.js';
import type { TinyJob } from './tinyJob.js';

/** One fault of a run: when, by training position and a delay after it. */
export interface PlannedFault extends FaultName {
  readonly afterStep: number;
  readonly delayMs: number;
}

export interface RunPlan {
  readonly name: string;
  readonly workers: number;
  readonly storage: Storage;
  readonly faults: readonly PlannedFault[];
  readonly random: () => number;
}

export interface FaultRecord extends FaultName, Cost {
  readonly what: string;
  /** Nobody who held the state was left. */
  readonly allDied: boolean;
}

export interface RunRecord {
  readonly name: string;
  readonly workers: number;
  readonly storage: Storage;
  readonly ended: string;
  readonly sha256: string | undefined;
  readonly seconds: number;
  readonly launches: number;
  readonly faults: readonly FaultRecord[];
  /** Planned, and nothing was there to hit. */
  readonly missed: readonly FaultName[];
  readonly errors: readonly string[];
}

export interface Place {
  readonly root: string;
  readonly everySteps: number;
  /** Logs, views and settings of every run are copied below it. */
  readonly logs?: string | undefined;
}

const credentials = { accessKeyId: 'chaos', secretAccessKey: 'chaos-secret' };
/** Two checkpoints and one under way, and little more; logs and exports of three workers. */
const diskBytes = { checkpoints: 64 << 20, run: 64 << 20 };
const mostMs = 900_000;

/** Trains the job once, with faults; whatever happens, nothing of it is left running. */
export async function trainOnce(job: TinyJob, { root, everySteps, logs }: Place, plan: RunPlan): Promise<RunRecord> {
  const folder = await mkdtemp(join(root, `${plan.name}-`));
  await using _folder = { [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
  using disks = plan.storage === 'disks' ? await openDisks(folder) : undefined;
  await using s3 = await startEmbeddedS3({ folder: join(folder, 's3'), credentials, buckets: ['chaos'] });
  await using store = await startS3Proxy(s3.endpoint);
  const reference = (name: string, below = folder) =>
    plan.storage === 's3'
      ? { url: `s3://chaos/${name}`, endpoint: store.endpoint, region: s3.region }
      : { url: join(below, name) };
  const startedAtMs = performance.now();
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
  const s3Store = plan.storage === 's3' ? store : undefined;
  const { inflicted, missed } = await live({ site, store: s3Store, disks, random: plan.random }, plan, startedAtMs);
  if (logs !== undefined) await cp(site.folder, join(logs, plan.name), { recursive: true, filter: isText });
  const struckAtMs = (place: number) => inflicted[place]?.struckAtMs ?? Number.POSITIVE_INFINITY;
  return {
    name: plan.name,
    workers: plan.workers,
    storage: plan.storage,
    ended: site.ended ?? `not ended after ${mostMs / 1000} s`,
    sha256: await publishedSha256(plan.storage === 's3' ? join(folder, 's3/chaos/out') : join(folder, 'out'), job),
    seconds: (performance.now() - startedAtMs) / 1000,
    launches: site.launches,
    errors: site.errors,
    missed,
    faults: inflicted.map(({ struckAtMs: at, ...fault }, place) => ({
      ...fault,
      ...costOf(site.timeline.sightings, at, struckAtMs(place + 1)),
    })),
  };
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

interface Struck extends FaultName {
  readonly what: string;
  readonly allDied: boolean;
  readonly struckAtMs: number;
}

/**
 * Until the training has ended: each fault at its place, the next one not before somebody has gone on and nobody is behind
 * for the last one: a blow to the only one who has the newest state would be judged for two faults.
 */
async function live(scene: Omit<Scene, 'struck'>, plan: RunPlan, startedAtMs: number) {
  const { site } = scene;
  const { timeline } = site;
  const inflicted: Struck[] = [];
  const missed: FaultName[] = [];
  const waiting = [...plan.faults];
  let notBefore = -1;
  while (site.ended === undefined && performance.now() - startedAtMs < mostMs) {
    await later(15);
    timeline.look();
    const next = waiting[0];
    if (next === undefined || timeline.highest < Math.max(next.afterStep, notBefore) || !site.abreast) continue;
    waiting.shift();
    await later(next.delayMs);
    const done = await inflict(scene, next);
    if (done === undefined) missed.push(nameOf(next));
    else {
      inflicted.push({ kind: next.kind, name: next.name, ...done });
      notBefore = done.highest + 1;
    }
  }
  timeline.look();
  return { inflicted, missed: [...missed, ...waiting.map(nameOf)] };
}

const nameOf = ({ kind, name }: FaultName): FaultName => ({ kind, name });

async function inflict(scene: Omit<Scene, 'struck'>, fault: FaultName) {
  const { timeline } = scene.site;
  const watching = setInterval(() => timeline.look(), 15);
  let struckAtMs: number | undefined;
  let highest = -1;
  const struck = () => {
    timeline.look();
    struckAtMs ??= performance.now();
    highest = timeline.highest;
  };
  try {
    const done = await faultCase(fault).inflict({ ...scene, struck });
    if (done === undefined) return undefined;
    if (struckAtMs === undefined) throw new Error(`${fault.kind}: ${fault.name} does not say when it struck`);
    return { what: done.what, allDied: done.allDied ?? false, struckAtMs, highest };
  } finally {
    clearInterval(watching);
  }
}
