import { join } from 'node:path';
import { remains, slowWorkers, story, tinyManifest } from '../../cluster/e2e/jobs.js';
import { localAdapter } from '../../cluster/e2e/reference.js';
import { openSite, type Site } from '../../cluster/e2e/site.js';
import type { Place, RunPlan, Training } from '../place.js';
import { faultsFor, type PossibleFaults } from './faults/faults.js';
import { type KubeApi, openKubeApi } from './kubeApi.js';
import { leftoversOf } from './leftovers.js';
import { RunningJob } from './runningJob.js';

export interface ClusterOptions {
  /** Logs of every worker are copied below it. */
  readonly logs?: string | undefined;
}

/** About five a second on two CPUs. */
const steps = 1000;
const everySteps = 10;

/** Pods of the cluster of `npm run cluster`, or of the one that KUBECONFIG names. */
export async function openClusterPlace({ logs }: ClusterOptions): Promise<Place> {
  const site = await openSite('espalier-chaos');
  const api = await openKubeApi(site.cluster);
  const { possible, leftOut } = faultsFor(site.cluster);
  const manifest = (name: string, replicas: number) =>
    tinyManifest(site, name, {
      training: { maxSteps: steps },
      workers: { ...slowWorkers, replicas },
      checkpoint: { everySteps },
    });
  return {
    faults: possible,
    storages: ['s3'],
    workers: [3, 4],
    steps,
    // About twenty seconds: a replacement comes after 10 to 40.
    stepsApart: 95,
    // Three of each of three indexes.
    mostLosses: 9,
    everySteps,
    mostMs: 1_800_000,
    leftOut,
    undisturbed: async () => ({
      ended: 'finished',
      sha256: await localAdapter(site, manifest('undisturbed', 1)),
      amiss: [],
      errors: [],
    }),
    during: (run, work) => during({ site, api, possible, logs, manifest }, run, work),
    async [Symbol.asyncDispose]() {
      await api[Symbol.asyncDispose]();
      await site[Symbol.asyncDispose]();
    },
  };
}

interface Opened extends Pick<PossibleFaults, 'possible'>, ClusterOptions {
  readonly site: Site;
  readonly api: KubeApi;
  readonly manifest: (name: string, replicas: number) => object;
}

async function during<T>(
  { site, api, possible, logs, manifest }: Opened,
  { name, workers }: RunPlan,
  work: (training: Training) => Promise<T>,
): Promise<T> {
  await using job = await RunningJob.start({
    site,
    api,
    name,
    manifest: manifest(name, workers),
    workers,
    logs: logs && join(logs, name),
  });
  const { cluster, namespace } = site;
  return await work({
    timeline: job.timeline,
    get ended() {
      return job.ended;
    },
    get launches() {
      return job.attempt + 1;
    },
    // It listens all the time.
    look: () => {},
    isReadyFor: (fault) => job.isAbreast(possible.of(fault).workers ?? 2),
    inflict: (fault, blow) => possible.of(fault).inflict({ job, cluster, api, namespace, ...blow }),
    settle: async () => {
      const { errors, ended, uids } = job;
      if (ended !== 'finished') return { sha256: undefined, amiss: [await story(site, name)], errors };
      await remains(site, name);
      await job.heardAll();
      return { ...(await leftoversOf(site, name, uids)), errors };
    },
  });
}
