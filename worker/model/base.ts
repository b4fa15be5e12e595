import type { ModelSpec } from './spec.js';

/** Where one tensor lies on disk. Always float32, little endian, row-major. */
export interface TensorLocation {
  /** File name relative to `Base.directory`. */
  readonly file: string;
  /** Bytes from the start of the file; a multiple of 64 in files that Espalier wrote. */
  readonly offset: number;
  readonly bytes: number;
  readonly shape: readonly number[];
}

/**
 * A frozen base, ready to train on: a complete Hugging Face folder with float32 safetensors
 * (the user's own folder when it already is that, else the f32 cache).
 */
export interface Base {
  readonly directory: string;
  readonly spec: ModelSpec;
  /** Canonical Hugging Face tensor names (`model.layers.0.self_attn.q_proj.weight`, [out, in]) -> location. */
  readonly tensors: ReadonlyMap<string, TensorLocation>;
  /** SHA-256 over the float32 tensors in order of name (name, shape, bytes): the base's identity in a recipe. */
  readonly sha256: string;
  /** What the user wrote, e.g. `hf://owner/name`, and what it resolved to (commit, wheel or file hash). */
  readonly source: string;
  readonly revision: string;
  /** The name written into adapter_config.json: hub id when there is one, else the source. */
  readonly nameOrPath: string;
  readonly license: string | null;
  /** How the weights were stored before they became float32, e.g. `F32`, `BF16`, `Q4_1`. */
  readonly storedAs: string;
}
