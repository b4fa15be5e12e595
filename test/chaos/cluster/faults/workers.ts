import { setTimeout as later } from 'node:timers/promises';
import { between } from '../../chance.js';
import type { LiveWorker } from '../runningJob.js';
import type { ClusterCase, Scene } from '../scene.js';
import { deletePod, endPod, evictPod, killPod, victims, wholeCrew } from './pods.js';

const names = (workers: readonly LiveWorker[]) => workers.map(({ name }) => name).join(' and ');

export const worker = {
  deleted: { weight: 2, losses: 1, inflict: (scene) => strike(scene, 'deleted', 1, deletePod) },
  'deleted at once': {
    weight: 2,
    losses: 1,
    inflict: (scene) => strike(scene, 'deleted with no grace period', 1, atOnce),
  },
  evicted: { weight: 2, losses: 1, inflict: (scene) => strike(scene, 'evicted', 1, evictPod) },
  killed: {
    needs: 'machineRoom',
    weight: 2,
    losses: 1,
    inflict: (scene) => strike(scene, 'killed by SIGKILL', 1, killPod),
  },
  'all but one deleted at once': {
    workers: 3,
    losses: 3,
    inflict: (scene) => strike(scene, 'deleted at once, one is left', scene.job.live.length - 1, atOnce),
  },
  'deleted at once, and the one that takes its place': { losses: 2, inflict: oneAfterTheOther },
} satisfies Readonly<Record<string, ClusterCase>>;

export const allWorkers = {
  'deleted at once': {
    losses: 4,
    inflict: async (scene) => {
      const all = await wholeCrew(scene);
      if (all === undefined) return undefined;
      await Promise.all(all.map((each) => atOnce(scene, each)));
      scene.struck();
      scene.job.lost(all);
      return { what: `${names(all)} deleted with no grace period`, allDied: true };
    },
  },
  'ended until every index is in back-off': { first: true, inflict: untilBackOff },
} satisfies Readonly<Record<string, ClusterCase>>;

const atOnce = (scene: Scene, each: LiveWorker) => deletePod(scene, each, 'at once');

async function strike(
  scene: Scene,
  what: string,
  count: number,
  blow: (scene: Scene, victim: LiveWorker) => Promise<unknown>,
) {
  const chosen = await victims(scene, count);
  if (chosen === undefined || count < 1) return undefined;
  await Promise.all(chosen.map((victim) => blow(scene, victim)));
  scene.struck();
  scene.job.lost(chosen);
  return { what: `${names(chosen)} ${what}` };
}

async function oneAfterTheOther(scene: Scene) {
  const { job, random, struck } = scene;
  const [victim] = (await victims(scene, 1)) ?? [];
  if (victim === undefined || !job.mayLose(victim, 2)) return undefined;
  const waitMs = between(random, 50, 3000);
  await atOnce(scene, victim);
  struck();
  job.lost([victim]);
  const next = () => job.live.find(({ place, uid }) => place === victim.place && uid !== victim.uid);
  await job.until(() => next() !== undefined, 120_000);
  await later(waitMs);
  const found = next();
  if (found === undefined)
    return { what: `${victim.name} deleted, and the training ended before another took its place` };
  await atOnce(scene, found);
  job.lost([found]);
  return { what: `${victim.name} deleted, and ${waitMs} ms after its start ${found.name}` };
}

/** The Job waits longer each time than the controller does: then the next Job follows. */
async function untilBackOff(scene: Scene) {
  const { job, struck } = scene;
  const before = job.attempt;
  for (let times = 1; ; times++) {
    const all = await wholeCrew(scene);
    if (all === undefined) return undefined;
    await Promise.all(all.map((each) => endPod(scene, each)));
    struck();
    job.lost(all);
    const { highest } = job.timeline;
    await job.until(() => job.attempt > before || job.timeline.highest > highest + 1, 300_000);
    if (job.attempt > before)
      return { what: `all ${all.length} ended ${times} times, then attempt ${job.attempt} resumed`, allDied: true };
  }
}
