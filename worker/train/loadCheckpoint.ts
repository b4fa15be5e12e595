import { EspalierError, fail } from '../../api/errors.js';
import { sha256 } from '../../common/hash.js';
import type { Numerics } from '../exchange/trainee.js';
import { collect } from '../store/body.js';
import type { Store } from '../store/store.js';
import { completeSteps } from './checkpoint.js';
import { manifestKey } from './checkpointKeys.js';
import { type CheckpointManifest, type CheckpointPart, decodeManifest } from './checkpointManifest.js';
import { bytesOf, type TrainState } from './state.js';

export interface LoadOptions {
  readonly recipeHash: string;
  /** How this machine computes, and what it is. */
  readonly numerics: Numerics;
  /** Floats of the adapter vector. */
  readonly vectorLength: number;
  /** Told of every checkpoint that is passed over. */
  readonly warn: (reason: EspalierError) => void;
  readonly signal: AbortSignal;
}

/**
 * The newest checkpoint of a recipe that is whole. One that is torn, damaged or foreign is passed over with a warning and
 * the one before it is taken; a store that cannot be read is an error, never "no checkpoint".
 * A whole one of machines that compute otherwise is an error too: to go on from it would give other bits.
 */
export async function loadLatestCheckpoint(store: Store, options: LoadOptions): Promise<TrainState | undefined> {
  for (let after = -1; ; ) {
    const steps = (await completeSteps(store, options.recipeHash, options.signal)).filter((step) => step > after);
    if (steps.length === 0) return undefined;
    for (const step of steps) {
      const outcome = await load(store, step, options);
      if (!('damage' in outcome)) return outcome;
      const url = store.url(manifestKey(options.recipeHash, step));
      options.warn(new EspalierError('CheckpointDamaged', { url, step, reason: outcome.damage }));
    }
    // Others may train meanwhile, save newer ones and remove what was just looked for.
    after = steps[0]!;
  }
}

interface Damage {
  readonly damage: string;
}

async function load(store: Store, step: number, options: LoadOptions): Promise<TrainState | Damage> {
  const { recipeHash, vectorLength, signal } = options;
  const bytes = await readIfThere(store, manifestKey(recipeHash, step), signal);
  if (!bytes) return { damage: 'its manifest is gone' };
  const manifest = decodeManifest(bytes);
  if ('damage' in manifest) return manifest;
  const foreign = foreignTo(manifest, step, recipeHash, vectorLength);
  if (foreign) return { damage: foreign };
  const { fingerprint, machine } = options.numerics;
  if (manifest.fingerprint !== fingerprint)
    fail('NumericsClassGone', {
      step,
      there: manifest.fingerprint.slice(0, 12),
      here: fingerprint.slice(0, 12),
      machine,
    });
  const state = {
    scalars: manifest.scalars,
    master: new Float32Array(vectorLength),
    mean: new Float32Array(vectorLength),
    square: new Float32Array(vectorLength),
  };
  const damages = await Promise.all(manifest.parts.map((part) => loadPart(store, part, state, signal)));
  const damage = damages.find((reason) => reason !== undefined);
  return damage === undefined ? state : { damage };
}

function foreignTo(
  { recipeHash, scalars, vectorLength, parts }: CheckpointManifest,
  step: number,
  wantedHash: string,
  wantedLength: number,
): string | undefined {
  if (recipeHash !== wantedHash) return `it belongs to recipe ${recipeHash}`;
  if (scalars.step !== step) return `it holds step ${scalars.step}`;
  if (vectorLength !== wantedLength) return `its adapter has ${vectorLength} numbers instead of ${wantedLength}`;
  const covered = parts.reduce((bound, { start, end }) => (start === bound ? end : Number.NaN), 0);
  return covered === vectorLength ? undefined : 'its parts do not cover the adapter';
}

/** Reads one part into the state; the reason when it is not what the manifest says. */
async function loadPart(
  store: Store,
  { key, start, end, sha256: hash }: CheckpointPart,
  { master, mean, square }: TrainState,
  signal: AbortSignal,
): Promise<string | undefined> {
  const bytes = await readIfThere(store, key, signal);
  if (!bytes) return `${key} is gone`;
  const size = 4 * (end - start);
  if (bytes.length !== 3 * size || sha256(bytes) !== hash) return `${key} does not match its hash`;
  [master, mean, square].forEach((vector, index) => {
    bytesOf(vector.subarray(start, end)).set(bytes.subarray(index * size, (index + 1) * size));
  });
  return undefined;
}

async function readIfThere(store: Store, key: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
  try {
    return await collect(await store.read(key, { signal }));
  } catch (error) {
    if (EspalierError.is(error, 'ObjectMissing')) return undefined;
    throw error;
  }
}
