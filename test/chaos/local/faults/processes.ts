import { writeFile } from 'node:fs/promises';
import { setTimeout as later } from 'node:timers/promises';
import { between, pick, shuffled } from '../../chance.js';
import type { Site } from '../site.js';
import { type FaultCase, type Scene, until } from './fault.js';

export const killWorker = {
  one: {
    weight: 3,
    inflict: async (scene) => {
      const victim = await aWorker(scene);
      if (victim === undefined) return undefined;
      kill(victim.pid, 'SIGKILL');
      scene.struck();
      return { what: `SIGKILL to ${victim.id}` };
    },
  },

  'all but one': {
    workers: 3,
    inflict: async (scene) => {
      const [, ...victims] = shuffled(await scene.site.workers(), scene.random);
      if (victims.length < 2) return undefined;
      for (const { pid } of victims) kill(pid, 'SIGKILL');
      scene.struck();
      return { what: `SIGKILL to ${victims.map(({ id }) => id).join(' and ')}, one is left` };
    },
  },

  'one, and the one that takes its place': {
    inflict: async (scene) => {
      const { site, random, struck } = scene;
      const victim = await aWorker(scene);
      if (victim === undefined) return undefined;
      kill(victim.pid, 'SIGKILL');
      struck();
      const waitMs = between(random, 50, 1500);
      let next = victim;
      while (next.pid === victim.pid && site.ended === undefined) {
        await later(20);
        next = (await site.workers()).find(({ slot }) => slot === victim.slot) ?? victim;
      }
      await later(waitMs);
      kill(next.pid, 'SIGKILL');
      return { what: `SIGKILL to ${victim.id}, and ${waitMs} ms after its start to ${next.id}` };
    },
  },
} satisfies Readonly<Record<string, FaultCase>>;

export const pauseWorker = {
  'for a moment': { weight: 2, inflict: (scene) => pauseWorkerFor(scene, between(scene.random, 300, 2500)) },
  // Suspected after 3 s of silence, removed from the view after 10.
  'until it is suspected': {
    lasting: true,
    inflict: (scene) => pauseWorkerFor(scene, between(scene.random, 3500, 6000)),
  },
  'until it is removed': {
    lasting: true,
    inflict: (scene) => pauseWorkerFor(scene, between(scene.random, 11_000, 13_000)),
  },
} satisfies Readonly<Record<string, FaultCase>>;

async function pauseWorkerFor(scene: Scene, forMs: number) {
  const victim = await aWorker(scene);
  if (victim === undefined) return undefined;
  kill(victim.pid, 'SIGSTOP');
  scene.struck();
  await later(forMs);
  // It may have been killed by its launcher meanwhile.
  const now = (await scene.site.workers()).find(({ slot }) => slot === victim.slot);
  if (now?.pid === victim.pid) kill(victim.pid, 'SIGCONT');
  return { what: `${victim.id} stopped for ${forMs} ms` };
}

export const launcher = {
  killed: {
    inflict: async ({ site, struck }) => {
      await site.killLauncher();
      struck();
      site.launch();
      return { what: 'SIGKILL to the launcher, which is started again' };
    },
  },

  stopped: {
    inflict: async ({ site, random, struck }) => {
      const pid = site.launcherPid;
      if (pid === undefined) return undefined;
      const forMs = between(random, 500, 5000);
      kill(pid, 'SIGSTOP');
      struck();
      await later(forMs);
      kill(pid, 'SIGCONT');
      return { what: `the launcher stopped for ${forMs} ms` };
    },
  },

  'stopped while a worker dies': {
    inflict: async (scene) => {
      const { site, random, struck } = scene;
      const victim = await aWorker(scene);
      const pid = site.launcherPid;
      if (pid === undefined || victim === undefined) return undefined;
      const forMs = between(random, 1000, 4000);
      kill(pid, 'SIGSTOP');
      kill(victim.pid, 'SIGKILL');
      struck();
      await later(forMs);
      kill(pid, 'SIGCONT');
      return { what: `the launcher stopped for ${forMs} ms, and SIGKILL to ${victim.id} meanwhile` };
    },
  },

  'power cut': {
    weight: 2,
    inflict: async ({ site, struck }) => {
      const workers = await site.workers();
      await site.killLauncher();
      for (const { pid } of workers) kill(pid, 'SIGKILL');
      struck();
      site.launch();
      return { what: 'SIGKILL to launcher and workers, started again', allDied: true };
    },
  },
} satisfies Readonly<Record<string, FaultCase>>;

export const jumpClock = {
  forward: { inflict: (scene) => jump(scene, 1) },
  back: { inflict: (scene) => jump(scene, -1) },
} satisfies Readonly<Record<string, FaultCase>>;

async function jump({ site, random, struck }: Scene, direction: 1 | -1) {
  const byMs = direction * between(random, 600_000, 7_200_000);
  await writeFile(site.clockFile, String(byMs));
  struck();
  // Every process looks at the file several times a second.
  const before = site.timeline.highest;
  await later(400);
  await until(site, () => site.timeline.highest > before);
  return { what: `the clock stands ${Math.round(byMs / 1000)} s from where it should` };
}

interface Worker {
  readonly slot: number;
  readonly pid: number;
  readonly id: string;
}

const aWorker = async ({ site, random }: { site: Site; random: () => number }): Promise<Worker | undefined> =>
  pick(await site.workers(), random);

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended by itself in between.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
