/**
 * The engine port: one engine runs one leaf (micro-batch) at a time, in a worker thread, on one ORT session per shape.
 * Several engines of a process share the mmapped base weights.
 */
export interface Engine {
  /**
   * Forward, loss and backward of one micro-batch with the adapter at `adapter`.
   * @returns a vector of `layout.length` floats: the gradient of the *sum* of token losses in the layout of the adapter
   * vector, and the sum of token losses itself in the statistics slot (`layout.lossSlot`). Gaps between tensors are 0.
   * It lies in the memory of `into`, if that is given: as many floats of any values in a buffer of their own, which leaves
   * the caller's hands (it is transferred).
   */
  leaf(batch: MicroBatch, adapter: Float32Array, into?: Float32Array): Promise<Float32Array>;
  /** Forward only: the sum of token losses. */
  loss(batch: MicroBatch, adapter: Float32Array): Promise<number>;
  close(): Promise<void>;
}

/** Fixed shape of a micro-batch; part of the recipe. `headRows` = rows of supervised positions, a multiple of `headChunk`. */
export interface MicroBatchShape {
  readonly rows: number;
  readonly tokens: number;
}

/** One micro-batch: `rows` packed sequences of `tokens` tokens, row-major `[rows, tokens]`. */
export interface MicroBatch {
  readonly shape: MicroBatchShape;
  readonly ids: Int32Array;
  /** Position inside the document, from 0. */
  readonly positions: Int32Array;
  /** Document number inside the row, from 1; padding is a document of its own. Tokens attend only to their own document. */
  readonly documents: Int32Array;
  /** The token to predict at each position (already shifted), -1 where unsupervised. */
  readonly labels: Int32Array;
  /** Loss weight per position; 0 where unsupervised. */
  readonly weights: Float32Array;
  /** Identity for dropout: optimizer step and the sequence index of each row. */
  readonly step: number;
  readonly sequences: readonly number[];
}

/** One adapter tensor inside the flat adapter vector. */
export interface AdapterTensor {
  /** PEFT key, e.g. `base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** In floats; a multiple of 16 (64 bytes). */
  readonly offset: number;
}

/** The flat adapter vector: tensors in order of name, each 64-byte aligned, then one 64-byte statistics slot. */
export interface AdapterLayout {
  readonly tensors: readonly AdapterTensor[];
  /** Index of the loss sum; it starts the last 16 floats. */
  readonly lossSlot: number;
  /** Floats in all, a multiple of 16. */
  readonly length: number;
}
