import type { ErrorName } from '../../api/errors.js';
import type { MicroBatch } from './engine.js';

/** What the owner of an engine asks of its thread. */
export interface EngineRequest {
  readonly id: number;
  readonly kind: 'leaf' | 'loss';
  readonly batch: MicroBatch;
  /** Transferred, or on shared memory that nobody writes to until the answer comes. */
  readonly adapter: Float32Array;
  /** Transferred: where the gradient is wanted. */
  readonly into?: Float32Array | undefined;
}

export type EngineAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'leaf'; readonly id: number; readonly vector: Float32Array }
  | { readonly kind: 'loss'; readonly id: number; readonly loss: number }
  /** `id` null: the thread could not start. */
  | { readonly kind: 'failed'; readonly id: number | null; readonly failure: Failure };

/** An error as data: a coded one by name and facts, another by its message. */
export type Failure =
  | { readonly coded: true; readonly name: ErrorName; readonly facts: unknown }
  | { readonly coded: false; readonly message: string };
