import { setImmediate } from 'node:timers/promises';
import { fail } from '../../api/errors.js';
import { sha256 } from '../../common/hash.js';
import type { Store } from '../store/store.js';
import { type CheckpointKey, folderOf, keysOf, manifestKey, partKey } from './checkpointKeys.js';
import { encodeManifest } from './checkpointManifest.js';
import type { Shard } from './norm.js';
import { bytesOf, type StateScalars, type TrainState } from './state.js';

/**
 * A checkpoint of (recipe, step) is a part per shard, each written by the shard's owner under a name that holds its hash,
 * and a manifest, written by whoever then sees all parts. Contents hold no time, host or worker: two writers write the
 * same bytes, so writing twice is harmless.
 */
export interface CheckpointOptions {
  readonly recipeHash: string;
  /** Of the machines that compute this training. */
  readonly fingerprint: string;
  readonly state: TrainState;
  /** All shards of the recipe. */
  readonly shards: readonly Shard[];
  /** Those that this worker writes. */
  readonly owned: readonly number[];
  readonly signal: AbortSignal;
}

export interface SavedCheckpoint {
  readonly step: number;
  /** All parts are there and so is the manifest; false = other workers still write theirs. */
  readonly complete: boolean;
  readonly bytesWritten: number;
}

/** Writes the owned parts. What it writes is copied before the first wait: afterwards the state may change. */
export async function saveCheckpoint(store: Store, options: CheckpointOptions): Promise<SavedCheckpoint> {
  const { recipeHash, fingerprint, state, shards, owned, signal } = options;
  const { scalars } = state;
  const vectorLength = state.master.length;
  const parts = owned.map((shard) => ({ shard, bytes: partBytes(state, shards[shard]!) }));
  const sizes = await Promise.all(
    parts.map(async ({ shard, bytes }, turn) => {
      // One hash per turn of the event loop: they share the thread with the exchange.
      for (let waited = 0; waited < turn; waited++) await setImmediate();
      const key = partKey(folderOf(recipeHash, scalars.step), shard, sha256(bytes));
      // Not `ifAbsent`: a part that was damaged in the store is made whole again.
      await store.write(key, bytes, { signal });
      return bytes.length;
    }),
  );
  const complete = await completeCheckpoint(store, { recipeHash, fingerprint, scalars, vectorLength, shards, signal });
  return { step: scalars.step, complete, bytesWritten: sizes.reduce((sum, size) => sum + size, 0) };
}

/** The shard's stretch of master, mean and square. */
function partBytes({ master, mean, square }: TrainState, [start, end]: Shard): Uint8Array {
  const size = 4 * (end - start);
  const bytes = new Uint8Array(3 * size);
  [master, mean, square].forEach((vector, index) => {
    bytes.set(bytesOf(vector.subarray(start, end)), index * size);
  });
  return bytes;
}

/** Writes the manifest if every part is there. Of workers that end at the same moment at least one sees them all. */
async function completeCheckpoint(
  store: Store,
  {
    recipeHash,
    fingerprint,
    scalars,
    vectorLength,
    shards,
    signal,
  }: {
    recipeHash: string;
    fingerprint: string;
    scalars: StateScalars;
    vectorLength: number;
    shards: readonly Shard[];
    signal: AbortSignal;
  },
): Promise<boolean> {
  const folder = folderOf(recipeHash, scalars.step);
  const byShard = new Map<number, CheckpointKey>();
  for await (const found of keysOf(store, `${folder}/`, signal)) {
    if (found.part === undefined) continue;
    if (byShard.has(found.part.shard)) fail('CheckpointDiverged', { url: store.url(folder), shard: found.part.shard });
    byShard.set(found.part.shard, found);
  }
  if (shards.some((_, shard) => !byShard.has(shard))) return false;
  const parts = shards.map(([start, end], shard) => {
    const { key, part } = byShard.get(shard)!;
    return { key, start, end, sha256: part!.sha256 };
  });
  const manifest = encodeManifest({ checkpointVersion: 1, recipeHash, fingerprint, scalars, vectorLength, parts });
  await store.write(manifestKey(recipeHash, scalars.step), manifest, { contentType: 'application/json', signal });
  return true;
}

/** Steps with a manifest, newest first. */
export async function completeSteps(store: Store, recipeHash: string, signal: AbortSignal): Promise<readonly number[]> {
  const steps: number[] = [];
  for await (const { step, part } of keysOf(store, `${recipeHash}/`, signal)) if (part === undefined) steps.push(step);
  return steps.sort((a, b) => b - a);
}

/** However few are asked for: should the newest turn out damaged, there is another. */
const fewestKept = 2;

/**
 * Removes what is older than the newest `keepLast` complete checkpoints: manifest first, so that what is left of an
 * interrupted removal is never taken for a checkpoint; then parts, also those of older checkpoints that never became
 * complete. For the holder of the current view alone.
 */
export async function collectCheckpoints(
  store: Store,
  {
    recipeHash,
    keepLast,
    dryRun = false,
    signal,
  }: { recipeHash: string; keepLast: number; dryRun?: boolean; signal: AbortSignal },
): Promise<readonly number[]> {
  const complete = await completeSteps(store, recipeHash, signal);
  const kept = new Set(complete.slice(0, Math.max(keepLast, fewestKept)));
  const newest = complete[0] ?? 0;
  const stale: CheckpointKey[] = [];
  for await (const found of keysOf(store, `${recipeHash}/`, signal))
    if (found.step < newest && !kept.has(found.step)) stale.push(found);
  const steps = [...new Set(stale.map(({ step }) => step))];
  if (dryRun) return steps;
  for (const { key, part } of stale) if (part === undefined) await store.remove(key);
  for (const { key, part } of stale) if (part !== undefined) await store.remove(key);
  return steps;
}
