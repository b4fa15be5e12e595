import { join } from 'node:path';
import type { Clock } from '../common/clock.js';
import { initialAdapter } from './adapter/init.js';
import { sitesOf } from './adapter/sites.js';
import { adapterFromVector } from './artifacts/adapter.js';
import { exportArtifacts } from './artifacts/export.js';
import { manifestKey } from './artifacts/manifest.js';
import { publish } from './artifacts/publish.js';
import type { RunRecord } from './artifacts/record.js';
import { verifyPublished } from './artifacts/verify.js';
import type { Base } from './model/base.js';
import type { PreparedJob } from './recipe/prepared.js';
import type { Store } from './store/store.js';

export interface FinishOptions {
  readonly prepared: PreparedJob;
  readonly base: Base;
  readonly adapter: Float32Array;
  readonly record: Omit<RunRecord, 'adapterSha256' | 'omitted' | 'method'>;
  readonly merged: boolean;
  readonly store: Store;
  readonly workFolder: string;
  readonly signal: AbortSignal;
}

export interface Finished {
  readonly url: string;
  readonly adapterSha256: string;
  /** Local copy of what was published. */
  readonly folder: string;
}

/** Exports the adapter and publishes it; safe to be done by several workers at once (design 3.4). */
export async function exportAndPublish(options: FinishOptions): Promise<Finished> {
  const { prepared, base, record, merged, store, workFolder, signal } = options;
  const { recipe, hash } = prepared;
  const folder = join(workFolder, 'artifacts');
  const adapter = adapterFromVector(recipe.method, recipe.layout, options.adapter);
  const start = initialAdapter(recipe.method, sitesOf(base.spec));
  const initial = adapterFromVector(recipe.method, recipe.layout, start);
  const { adapterSha256 } = await exportArtifacts({ folder, base, adapter, initial, merged, record, signal });
  const { url } = await publish({ store, folder, recipeHash: hash, adapterSha256, signal });
  return { url, adapterSha256, folder };
}

const pollMs = 500;

/**
 * Until somebody has published this recipe, or until `mine` says that it is up to this worker after all.
 * @returns the verified SHA-256 of the adapter, or undefined when it is this worker's turn.
 */
export async function awaitPublication(
  store: Store,
  recipeHash: string,
  { clock, mine, signal }: { readonly clock: Clock; readonly mine: () => boolean; readonly signal: AbortSignal },
): Promise<string | undefined> {
  for (;;) {
    if (await store.stat(manifestKey(recipeHash), { signal }))
      return (await verifyPublished(store, recipeHash, { signal })).adapterSha256;
    if (mine()) return undefined;
    await clock.sleep(pollMs, signal);
  }
}
