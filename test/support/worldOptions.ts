import type { Leaf, Timing } from '../../elastic/rules.js';

/** What a simulated training is made of. */
export interface WorldOptions {
  readonly workers: number;
  readonly steps: number;
  readonly shards: number;
  readonly leavesOf: (step: number) => readonly Leaf[];
  /** Floats per shard. */
  readonly shardLength?: number;
  /** Uniform in [0, 1): delays, loss. */
  readonly random: () => number;
  readonly latencyMs?: number;
  readonly leafMs?: number;
  readonly engines?: number;
  /** Events are taken together, once in so many milliseconds: coarser, and possible with hundreds of workers. */
  readonly quantumMs?: number;
  readonly wire?: Wire;
  /** How long a worker's one thread takes for a status that it hears. */
  readonly statusMs?: number;
  /** How long the optimizer takes for a step. */
  readonly applyMs?: number;
  /** Each worker's clock is off by up to so much, and goes up to so much too fast or too slow. */
  readonly skew?: { readonly offsetMs: number; readonly drift: number };
  readonly timing?: Partial<Timing>;
  /** Called for every event and effect that a transcript should show. */
  readonly trace?: (line: string) => void;
}

/** The network: size of a piece and of the state on the wire, and what one worker can send and receive. */
export interface Wire {
  readonly pieceBytes: number;
  readonly stateBytes: number;
  readonly bytesPerMs: number;
}
