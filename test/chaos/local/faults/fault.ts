import { setTimeout as later } from 'node:timers/promises';
import type { S3Proxy } from '../../../support/s3Proxy.js';
import type { FaultCase as AnyFaultCase, Blow } from '../../place.js';
import type { SmallDisk } from '../disk.js';
import type { Site } from '../site.js';

/** What a fault on this machine may touch. */
export interface Scene extends Blow {
  readonly site: Site;
  /** Before the object store, where checkpoints and artifacts go; absent when they go to a folder. */
  readonly store?: S3Proxy | undefined;
  /** Small file systems: one for checkpoints, one for logs, views, settings and exports of the run. */
  readonly disks?: { readonly checkpoints: SmallDisk; readonly run: SmallDisk } | undefined;
}

export type FaultCase = AnyFaultCase<Scene>;

/** Looks again and again, until it is so or the training has ended. */
export async function until(site: Site, isSo: () => boolean): Promise<boolean> {
  while (site.ended === undefined) {
    if (isSo()) return true;
    await later(20);
  }
  return isSo();
}
