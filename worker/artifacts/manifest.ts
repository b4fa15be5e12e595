import { collect } from '../store/body.js';
import type { Cancellable, Store } from '../store/store.js';

/** `manifest.json` in the prefix of one recipe: it is written last, so what it lists is all there. */
export interface Manifest {
  readonly manifestVersion: 1;
  readonly recipeHash: string;
  readonly adapterSha256: string;
  /** In code-unit order of path; paths are relative to the manifest. */
  readonly files: readonly PublishedFile[];
}

export interface PublishedFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/**
 * `latest.json` of a destination: what was published there last, and what was the latest before, newest first, so that
 * a job which runs again long after does not take the place back.
 */
export interface Latest {
  readonly latestVersion: 1;
  readonly recipeHash: string;
  readonly adapterSha256: string;
  /** Key of the manifest, relative to the destination. */
  readonly manifest: string;
  readonly superseded: readonly string[];
}

export const latestKey = 'latest.json';
export const recipePrefix = (recipeHash: string): string => recipeHash.slice(0, 12);
export const manifestKey = (recipeHash: string): string => `${recipePrefix(recipeHash)}/manifest.json`;

/** The JSON object stored at `key`; undefined when nothing is, null when it is no JSON object. */
export async function readJson<T extends object>(
  store: Store,
  key: string,
  options: Cancellable,
): Promise<T | null | undefined> {
  if (!(await store.stat(key, options))) return undefined;
  const bytes = await collect(await store.read(key, options));
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as T) : null;
  } catch {
    return null;
  }
}
