import type { View } from '../../elastic/view.js';

/** What the exchange drives: engines that compute leaves, and the replicated optimizer state. */
export interface Trainee {
  /** The step whose state it holds: the number of steps applied so far. */
  readonly nextStep: number;
  /** How many leaves it computes at once (engines). */
  readonly parallel: number;
  /**
   * The gradient of one leaf at the state of `step`: `vectorLength` floats, statistics slot included, in an array that is the
   * caller's. `into`, of that length and of any values, is the trainee's from now on: the result may lie in its memory. The
   * signal says that the result is no longer wanted; an engine that cannot stop may ignore it.
   */
  computeLeaf(step: number, leaf: number, signal: AbortSignal, into?: Float32Array): Promise<Float32Array>;
  /** One optimizer step on the sum of all leaves, which is the caller's again after it; `nextStep` is then `step + 1`. No leaf of `step` is asked for any more. */
  apply(step: number, reduced: Float32Array): Promise<void>;
  /** The whole state, deterministic bytes, copied. Never called while `apply` runs. */
  snapshot(): Uint8Array;
  /** Takes another worker's state; `nextStep` follows it. */
  restore(bytes: Uint8Array): void;
}

/** What the exchange must know of the recipe; nothing of it may depend on workers. */
export interface RecipeFacts {
  readonly hash: string;
  readonly numericsVersion: number;
  readonly steps: number;
  /** The present leaves of a step (those with supervised tokens), in order of index; at least one. `cost`: relative work, e.g. tokens. */
  leavesOf(step: number): readonly { readonly index: number; readonly cost: number }[];
  /** [start, end) in floats; they cover the vector without gaps. */
  readonly shards: readonly (readonly [number, number])[];
  /** Floats of a leaf's vector, statistics slot included. */
  readonly vectorLength: number;
  /** Where the loss sum lies in the vector. */
  readonly lossSlot: number;
}

/** How this machine computes. Equal recipes on machines with unlike fingerprints would give unlike bits. */
export interface Numerics {
  /** Hash of real gradients of the job, in hex; see worker/train/fingerprint.ts. */
  readonly fingerprint: string;
  /** What it is, for messages: architecture and processor. */
  readonly machine: string;
}

/** Where views come from, and what the oracle is told. */
export interface ViewSource {
  /** The last published view first, then each later one. */
  views(signal: AbortSignal): AsyncIterable<View>;
  /** This member holds the state of `nextStep` and asks to be admitted. May be repeated. */
  ready(nextStep: number): void;
  /** This member leaves on purpose: no crash. */
  leaving(): void;
}

/** One committed step, as this worker saw it. */
export interface StepReport {
  readonly step: number;
  /** Sum of token losses over all leaves, from the statistics slot. */
  readonly lossSum: number;
  readonly leavesComputedHere: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Of both, what moved while a leaf was being computed here: the exchange that hid. */
  readonly hiddenBytes: number;
  /** Wall time of the step here: commit to commit. */
  readonly stepMs: number;
  /** Time in which at least one leaf was being computed here. */
  readonly computeMs: number;
  /** Time in which no leaf was being computed here and the step was not yet committed: the exchange that did not hide. */
  readonly waitMs: number;
  /** Members that took part, by this worker's view. */
  readonly members: number;
  readonly view: number;
}

/** Of toys, which compute with plain arithmetic. */
export const unmeasured: Numerics = { fingerprint: '', machine: '' };
