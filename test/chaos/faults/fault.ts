import type { S3Proxy } from '../../support/s3Proxy.js';
import type { SmallDisk } from '../disk.js';
import type { Site } from '../site.js';

/** Where a run keeps its checkpoints, its artifact and its own folder. */
export type Storage = 'folder' | 'disks' | 's3';

/** What a fault may touch. */
export interface Scene {
  readonly site: Site;
  /** Before the object store, where checkpoints and artifacts go; absent when they go to a folder. */
  readonly store?: S3Proxy | undefined;
  /** Small file systems: one for checkpoints, one for logs, views, settings and exports of the run. */
  readonly disks?: { readonly checkpoints: SmallDisk; readonly run: SmallDisk } | undefined;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** To be called right after the blow has fallen: everything logged until now was before it. */
  readonly struck: () => void;
}

/** What was done, when it is over. */
export interface Inflicted {
  readonly what: string;
  /** Nobody who held the state was left: training went on from a checkpoint. */
  readonly allDied?: boolean;
}

export interface FaultCase {
  /** Undefined when there was nothing to hit: it does not count. */
  readonly inflict: (scene: Scene) => Promise<Inflicted | undefined>;
  /** What it needs; absent = any. */
  readonly storage?: Storage;
  /** Needs a third worker, so that one is left. */
  readonly workers?: number;
  /** It hits the publication: no other fault can follow it in its run. */
  readonly last?: true;
  /** Takes so long that few steps may be left after it: comes late in its run. */
  readonly lasting?: true;
  /** How often it stands in the deck from which faults are drawn; 1 unless told. */
  readonly weight?: number;
}

export const pick = <T>(from: readonly T[], random: () => number): T | undefined =>
  from[Math.floor(random() * from.length)];

export const between = (random: () => number, low: number, high: number): number =>
  Math.round(low + random() * (high - low));

export const later = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Looks again and again, until it is so or the training has ended. */
export async function until(site: Site, isSo: () => boolean): Promise<boolean> {
  while (site.ended === undefined) {
    if (isSo()) return true;
    await later(20);
  }
  return isSo();
}
