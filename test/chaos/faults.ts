import { rm, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProxyFault, S3Proxy } from '../support/s3Proxy.js';
import type { Site } from './site.js';

/** What a fault may touch. */
export interface Scene {
  readonly site: Site;
  /** Before the object store, where checkpoints and artifacts go; absent when they go to a folder. */
  readonly store?: S3Proxy | undefined;
  /** The small disk where checkpoints go; absent when they go elsewhere. */
  readonly disk?: string | undefined;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** Inflicts the fault and returns what was done, when it is over; undefined when there was nothing to hit. */
export type Fault = (scene: Scene) => Promise<string | undefined>;

export const faults = {
  killWorker: async ({ site, random }) => {
    const victim = pick([...(await site.pids())], random);
    if (victim === undefined) return undefined;
    process.kill(victim[1], 'SIGKILL');
    return `SIGKILL to worker ${victim[0]}`;
  },

  pauseWorker: async ({ site, random }) => {
    const victim = pick([...(await site.pids())], random);
    if (victim === undefined) return undefined;
    const forMs = between(random, 500, 5000);
    process.kill(victim[1], 'SIGSTOP');
    await later(forMs);
    // It may have been killed by its launcher meanwhile.
    if ((await site.pids()).get(victim[0]) === victim[1]) process.kill(victim[1], 'SIGCONT');
    return `worker ${victim[0]} stopped for ${forMs} ms`;
  },

  killLauncher: async ({ site }) => {
    await site.killLauncher();
    site.launch();
    return 'SIGKILL to the launcher, which is started again';
  },

  /** A power cut: nobody is left who holds the state. */
  killAll: async ({ site }) => {
    const pids = await site.pids();
    await site.killLauncher();
    for (const pid of pids.values()) tryKill(pid);
    site.launch();
    return 'SIGKILL to launcher and workers, started again';
  },

  breakConnections: async ({ site, random }) => {
    const how = random() < 0.5 ? 'drop' : 'reset';
    const link = pick([...site.links.values()], random);
    link?.disconnect(how);
    return link && `connections to ${link.id}: ${how}`;
  },

  delayConnections: async ({ site, random }) => {
    const [delayMs, forMs] = [between(random, 20, 300), between(random, 500, 3000)];
    for (const way of everyWay(site)) site.ways.set(way, { delayMs, cut: false });
    await later(forMs);
    site.ways.clear();
    return `all connections slower by ${delayMs} ms for ${forMs} ms`;
  },

  cutOneWay: async ({ site, random }) => {
    const way = pick(everyWay(site), random);
    if (way === undefined) return undefined;
    const forMs = between(random, 500, 6000);
    site.ways.set(way, { delayMs: 0, cut: true });
    await later(forMs);
    site.ways.delete(way);
    return `nothing passes ${way} for ${forMs} ms`;
  },

  storeAnswers: async ({ site, store, random }) => {
    if (store === undefined) return undefined;
    const [name, fault] = pick(storeFaults, random)!;
    let left = between(random, 1, 3);
    let hit = 0;
    store.schedule((request) => {
      if (left === 0 || !fault.hits(request.method)) return undefined;
      left--;
      hit++;
      return fault.answer;
    });
    while (left > 0 && site.ended === undefined) await later(20);
    store.schedule(() => undefined);
    return hit === 0 ? undefined : `store: ${name}, ${hit} times`;
  },

  fullDisk: async ({ site, disk, random }) => {
    if (disk === undefined) return undefined;
    const ballast = join(disk, '.ballast');
    const seen = () => site.timeline.sightings.filter(({ kind }) => kind === 'unsaved').length;
    const before = seen();
    const { bavail, bsize } = await statfs(disk);
    await writeFile(ballast, '');
    // Real blocks: a hole would take no space.
    await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - between(random, 4096, 500_000)))).catch(
      () => {},
    );
    while (seen() === before && site.ended === undefined) await later(20);
    await truncate(ballast);
    await rm(ballast);
    return seen() === before ? undefined : 'the disk of checkpoints was full until one could not be saved';
  },

  jumpClock: async ({ site, random }) => {
    const byMs = between(random, 600_000, 7_200_000) * (random() < 0.5 ? -1 : 1);
    await writeFile(site.clockFile, String(byMs));
    await later(1000);
    return `the clock jumps by ${Math.round(byMs / 1000)} s`;
  },
} satisfies Record<string, Fault>;

export type FaultKind = keyof typeof faults;

interface StoreAnswer {
  readonly hits: (method: string) => boolean;
  readonly answer: ProxyFault;
}

const any = (_method: string) => true;
const writes = (method: string) => method === 'PUT';
const status = (code: number, name: string, hits = any): StoreAnswer => ({
  hits,
  answer: { kind: 'status', status: code, code: name },
});
const storeFaults: readonly (readonly [string, StoreAnswer])[] = [
  ['500 InternalError', status(500, 'InternalError')],
  ['503 SlowDown', status(503, 'SlowDown')],
  ['409 ConditionalRequestConflict', status(409, 'ConditionalRequestConflict', writes)],
  ['403 RequestTimeTooSkewed', status(403, 'RequestTimeTooSkewed')],
  // The write happens and its answer is lost: a conditional one then meets itself and is answered 412.
  ['lost answer, then 412', { hits: writes, answer: { kind: 'lose' } }],
  ['half a body', { hits: (method) => method === 'GET', answer: { kind: 'cut', afterBytes: 100 } }],
];

const everyWay = ({ links }: Site): string[] =>
  [...links.keys()].flatMap((from) => [...links.keys()].flatMap((to) => (from === to ? [] : [`${from}>${to}`])));

const pick = <T>(from: readonly T[], random: () => number): T | undefined => from[Math.floor(random() * from.length)];
const between = (random: () => number, low: number, high: number): number => Math.round(low + random() * (high - low));
const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself in between.
  }
}
