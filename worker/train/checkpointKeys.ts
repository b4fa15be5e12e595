import type { Store } from '../store/store.js';

export const folderOf = (recipeHash: string, step: number): string => `${recipeHash}/${String(step).padStart(10, '0')}`;

export const manifestKey = (recipeHash: string, step: number): string => `${folderOf(recipeHash, step)}/manifest.json`;

export const partKey = (folder: string, shard: number, hash: string): string =>
  `${folder}/shard-${String(shard).padStart(2, '0')}-${hash}.bin`;

const pattern = /^[0-9a-f]+\/(\d{10})\/(?:manifest\.json|shard-(\d{2,})-([0-9a-f]{64})\.bin)$/;

/** An object of a checkpoint: the manifest, or a part. */
export interface CheckpointKey {
  readonly key: string;
  readonly step: number;
  readonly part?: { readonly shard: number; readonly sha256: string };
}

/** Every object below `prefix` that has the name of one of a checkpoint. */
export async function* keysOf(
  store: Store,
  prefix: string,
  signal: AbortSignal,
): AsyncGenerator<CheckpointKey, void, undefined> {
  for await (const { key } of store.list(prefix, { signal })) {
    const [, step, shard, sha256] = pattern.exec(key) ?? [];
    if (step === undefined) continue;
    const found = { key, step: Number(step) };
    yield shard === undefined ? found : { ...found, part: { shard: Number(shard), sha256: sha256! } };
  }
}
