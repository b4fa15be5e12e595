import { canonicalJson, sha256 } from '../../common/hash.js';
import type { StateScalars } from './state.js';

/** manifest.json: written last, so that its presence says that all parts are there; carries its own hash. */
export interface CheckpointManifest {
  readonly checkpointVersion: 1;
  readonly recipeHash: string;
  /** Of the machines that computed it: on others the training cannot go on with the same bits. */
  readonly fingerprint: string;
  readonly scalars: StateScalars;
  /** Floats of master, mean and square each. */
  readonly vectorLength: number;
  readonly parts: readonly CheckpointPart[];
}

/** One shard: its stretch of master, mean and square, one after the other, float32 little endian. */
export interface CheckpointPart {
  readonly key: string;
  /** [start, end) in floats. */
  readonly start: number;
  readonly end: number;
  readonly sha256: string;
}

export const encodeManifest = (manifest: CheckpointManifest): Uint8Array =>
  new TextEncoder().encode(`${canonicalJson({ ...manifest, sha256: sha256(canonicalJson(manifest)) })}\n`);

/** The manifest, or the reason why these bytes are none. */
export function decodeManifest(bytes: Uint8Array): CheckpointManifest | { readonly damage: string } {
  let document: Record<string, unknown>;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Record<string, unknown>;
  } catch {
    return { damage: 'its manifest is not JSON' };
  }
  const { sha256: hash, ...manifest } = document;
  if (hash !== sha256(canonicalJson(manifest))) return { damage: 'its manifest does not match its own hash' };
  if (manifest.checkpointVersion !== 1) return { damage: `its version is ${String(manifest.checkpointVersion)}` };
  return manifest as unknown as CheckpointManifest;
}
