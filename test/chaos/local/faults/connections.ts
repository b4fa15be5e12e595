import { setTimeout as later } from 'node:timers/promises';
import { between, pick } from '../../chance.js';
import { fromLauncher } from '../linkProxy.js';
import type { Site } from '../site.js';
import type { FaultCase, Scene } from './fault.js';

export const connections = {
  dropped: { weight: 2, inflict: (scene) => disconnect(scene, 'drop') },
  reset: { weight: 2, inflict: (scene) => disconnect(scene, 'reset') },
  delayed: {
    weight: 2,
    inflict: async ({ site, random, struck }) => {
      const [delayMs, forMs] = [between(random, 20, 300), between(random, 500, 3000)];
      for (const way of waysBetween(site)) site.ways.set(way, { delayMs, cut: false });
      struck();
      await later(forMs);
      site.ways.clear();
      return { what: `all connections slower by ${delayMs} ms for ${forMs} ms` };
    },
  },
} satisfies Readonly<Record<string, FaultCase>>;

/** Nothing passes in one direction; what was sent arrives when it is over, as after packets were lost. */
export const cutOneWay = {
  'from one to another': { weight: 2, inflict: (scene) => cut(scene, (victim, other) => [`${victim}>${other}`]) },
  'from others to one': { inflict: (scene) => cut(scene, (victim, _, all) => all.map((from) => `${from}>${victim}`)) },
  'from one to others': { inflict: (scene) => cut(scene, (victim, _, all) => all.map((to) => `${victim}>${to}`)) },
  'from the launcher to one': {
    lasting: true,
    inflict: (scene) => cut(scene, (victim) => [`${fromLauncher}>${victim}`], 12_000),
  },
  'from one to the launcher': {
    lasting: true,
    inflict: (scene) => cut(scene, (victim) => [`${victim}>${fromLauncher}`], 12_000),
  },
  'both ways between one and others': {
    inflict: (scene) =>
      cut(scene, (victim, _, all) => all.flatMap((other) => [`${victim}>${other}`, `${other}>${victim}`])),
  },
} satisfies Readonly<Record<string, FaultCase>>;

async function disconnect({ site, random, struck }: Scene, how: 'drop' | 'reset') {
  const link = site.links.get(pick(site.members, random) ?? '');
  if (link === undefined) return undefined;
  const count = link.disconnect(how);
  struck();
  return count === 0 ? undefined : { what: `${how}: ${count} connections to ${link.id}` };
}

async function cut(
  { site, random, struck }: Scene,
  choose: (victim: string, other: string, all: readonly string[]) => readonly string[],
  mostMs = 6000,
) {
  const victim = pick(site.members, random);
  const all = site.members.filter((id) => id !== victim);
  const other = pick(all, random);
  if (victim === undefined || other === undefined) return undefined;
  const ways = choose(victim, other, all);
  const forMs = between(random, 500, mostMs);
  for (const way of ways) site.ways.set(way, { delayMs: 0, cut: true });
  struck();
  await later(forMs);
  for (const way of ways) site.ways.delete(way);
  return { what: `nothing passes ${ways.join(', ')} for ${forMs} ms` };
}

const waysBetween = ({ members }: Site): string[] =>
  members.flatMap((from) => members.flatMap((to) => (from === to ? [] : [`${from}>${to}`])));
