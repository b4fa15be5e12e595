import type { JsonObject } from '../fields.js';

/** A base as found: configuration and tokenizer files ready to write, tensors still in their own format. */
export interface SourceModel {
  /** config.json. */
  readonly config: JsonObject;
  /** generation_config.json; empty when there is none. */
  readonly generation: JsonObject;
  /** Every other file of a complete Hugging Face folder, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** By canonical Hugging Face name. */
  readonly tensors: ReadonlyMap<string, SourceTensor>;
  readonly storedAs: string;
  readonly license: string | null;
}

export interface SourceTensor {
  readonly shape: readonly number[];
  /** Row-major float32. */
  read(): Promise<Float32Array>;
  /** Set when the file already holds this tensor as float32. */
  readonly inPlace: { readonly path: string; readonly offset: number; readonly bytes: number } | null;
}

/** The type that holds most bytes. */
export function mostOf(tensors: Iterable<{ readonly type: string; readonly bytes: number }>): string {
  const totals = new Map<string, number>();
  for (const { type, bytes } of tensors) totals.set(type, (totals.get(type) ?? 0) + bytes);
  const [most] = [...totals].sort(([, a], [, b]) => b - a);
  return most?.[0] ?? 'F32';
}
