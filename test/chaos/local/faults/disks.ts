import { between, pick } from '../../chance.js';
import { type FaultCase, type Scene, until } from './fault.js';

const noSpace = /no space left/;

export const fullDisk = {
  'of checkpoints': {
    storage: 'disks',
    weight: 2,
    inflict: async ({ site, disks, random, struck }) => {
      if (disks === undefined) return undefined;
      const unsaved = () => site.timeline.sightings.filter(({ kind }) => kind === 'unsaved').length;
      const before = unsaved();
      await disks.checkpoints.fill(between(random, 4096, 500_000));
      struck();
      const met = await until(site, () => unsaved() > before);
      await disks.checkpoints.free();
      return met ? { what: 'until a checkpoint could not be saved' } : undefined;
    },
  },

  /** Logs, views, what was spent: training goes on without them. */
  "of the run's own folder": {
    storage: 'disks',
    inflict: async ({ site, disks, struck }) => {
      if (disks === undefined) return undefined;
      await disks.run.fill(0);
      struck();
      const { highest } = site.timeline;
      const met = await until(site, () => site.timeline.highest >= highest + 3);
      await disks.run.free();
      return met ? { what: 'for three steps' } : undefined;
    },
  },

  /** No worker can be started: the launcher says so and ends; with room again it is started again. */
  "of the run's own folder, when a worker has to start": {
    storage: 'disks',
    inflict: async (scene) => {
      const { site, disks, random, struck } = scene;
      const victim = pick(await site.workers(), random);
      if (disks === undefined || victim === undefined) return undefined;
      await disks.run.fill(0);
      process.kill(victim.pid, 'SIGKILL');
      struck();
      return await endedForRoom(scene, `SIGKILL to ${victim.id}`);
    },
  },

  'at the export': {
    storage: 'disks',
    last: true,
    inflict: async (scene) => {
      const { disks, struck } = scene;
      if (disks === undefined) return undefined;
      // Room for logs, none for an adapter.
      await disks.run.fill(256_000);
      struck();
      return await endedForRoom(scene, 'nothing was published');
    },
  },
} satisfies Readonly<Record<string, FaultCase>>;

async function endedForRoom({ site, disks }: Scene, what: string) {
  await until(site, () => false);
  await disks!.run.free();
  if (!noSpace.test(site.ended ?? '')) return undefined;
  await site.launchAgain();
  return { what: `${what}; ended for want of room, started again`, allDied: true };
}
