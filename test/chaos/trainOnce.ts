import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startEmbeddedS3 } from '../../worker/store/embedded/server.js';
import { startS3Proxy } from '../support/s3Proxy.js';
import { type FaultKind, faults, type Scene } from './faults.js';
import { Site } from './site.js';
import { type Cost, costOf } from './timeline.js';
import type { TinyJob } from './tinyJob.js';

/** One fault of a run: when, by training position and a delay after it. */
export interface PlannedFault {
  readonly kind: FaultKind;
  readonly afterStep: number;
  readonly delayMs: number;
}

export interface RunPlan {
  readonly name: string;
  readonly workers: number;
  readonly everySteps: number;
  readonly storage: 'folder' | 'disk' | 's3';
  readonly faults: readonly PlannedFault[];
  readonly random: () => number;
}

export interface FaultRecord extends Cost {
  readonly kind: FaultKind;
  readonly what: string;
}

export interface RunRecord {
  readonly name: string;
  readonly ended: string;
  readonly sha256: string | undefined;
  readonly seconds: number;
  readonly launches: number;
  readonly faults: readonly FaultRecord[];
  readonly errors: readonly string[];
}

const credentials = { accessKeyId: 'chaos', secretAccessKey: 'chaos-secret' };
/** Two checkpoints and one under way, and little more. */
const diskBytes = 64 << 20;
const mostMs = 240_000;

/** Trains the job once, with faults; whatever happens, nothing of it is left running. */
export async function trainOnce(job: TinyJob, root: string, plan: RunPlan): Promise<RunRecord> {
  const folder = await mkdtemp(join(root, `${plan.name}-`));
  const disk = plan.storage === 'disk' ? await mountDisk(join(folder, 'disk')) : undefined;
  await using s3 = await startEmbeddedS3({ folder: join(folder, 's3'), credentials, buckets: ['chaos'] });
  await using store = await startS3Proxy(s3.endpoint);
  const reference = (name: string) =>
    plan.storage === 's3'
      ? { url: `s3://chaos/${name}`, endpoint: store.endpoint, region: s3.region }
      : { url: join(name === 'checkpoints' ? (disk ?? folder) : folder, name) };
  const startedAtMs = performance.now();
  const site = await Site.open({
    folder,
    workers: plan.workers,
    config: {
      recipeHash: job.prepared.compiled.hash,
      preparedFolder: job.preparedFolder,
      baseFolder: job.prepared.base.directory,
      cacheFolder: job.cacheFolder,
      engines: 1,
      checkpoint: { store: reference('checkpoints'), everySteps: plan.everySteps, keepLast: 2 },
      output: { store: reference('out'), merged: false },
    },
    env: { AWS_ACCESS_KEY_ID: credentials.accessKeyId, AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey },
  });
  try {
    const scene: Scene = { site, store: plan.storage === 's3' ? store : undefined, disk, random: plan.random };
    const inflicted = await live(scene, plan, startedAtMs);
    const atMs = (place: number) => inflicted[place]?.atMs ?? Number.POSITIVE_INFINITY;
    return {
      name: plan.name,
      ended: site.ended ?? `not ended after ${mostMs / 1000} s`,
      sha256: site.sha256,
      seconds: (performance.now() - startedAtMs) / 1000,
      launches: site.launches,
      errors: site.errors,
      faults: inflicted.map(({ kind, what, atMs: at }, place) => ({
        kind,
        what,
        ...costOf(site.timeline.sightings, at, atMs(place + 1)),
      })),
    };
  } finally {
    await site.close();
    if (disk !== undefined) unmountDisk(disk);
    await rm(folder, { recursive: true, force: true });
  }
}

interface Inflicted {
  readonly kind: FaultKind;
  readonly what: string;
  readonly atMs: number;
}

/** Until the training has ended: each fault at its place, the next one not before somebody has gone on. */
async function live(scene: Scene, plan: RunPlan, startedAtMs: number): Promise<readonly Inflicted[]> {
  const { site } = scene;
  const { timeline } = site;
  const inflicted: Inflicted[] = [];
  const waiting = [...plan.faults];
  let notBefore = -1;
  while (site.ended === undefined && performance.now() - startedAtMs < mostMs) {
    await later(15);
    timeline.look();
    const next = waiting[0];
    if (next === undefined || timeline.highest < Math.max(next.afterStep, notBefore)) continue;
    waiting.shift();
    await later(next.delayMs);
    timeline.look();
    const atMs = performance.now();
    const highest = timeline.highest;
    const watching = setInterval(() => timeline.look(), 15);
    const what = await faults[next.kind](scene).finally(() => clearInterval(watching));
    if (what === undefined) continue;
    inflicted.push({ kind: next.kind, what, atMs });
    notBefore = highest + 1;
  }
  timeline.look();
  return inflicted;
}

/** A small file system of its own, so that it can be full; undefined where this process may not make one. */
export async function mountDisk(folder: string): Promise<string | undefined> {
  await mkdir(folder, { recursive: true });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', folder]);
  return mounted.status === 0 ? folder : undefined;
}

export const unmountDisk = (folder: string): void => void spawnSync('umount', [folder]);

const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
