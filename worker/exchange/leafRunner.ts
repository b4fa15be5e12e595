import { fail } from '../../api/errors.js';
import type { Clock } from '../../common/clock.js';
import type { ExchangeEvent } from '../../elastic/event.js';
import type { Buffers } from './buffers.js';
import type { Meter } from './meter.js';
import type { RecipeFacts, Trainee } from './trainee.js';

export interface LeafRunnerOptions {
  readonly trainee: Trainee;
  readonly recipe: RecipeFacts;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly buffers: Buffers;
  readonly post: (event: ExchangeEvent, values?: Float32Array) => void;
}

/** The leaves being computed here, each with the signal that says it is no longer wanted. */
export class LeafRunner {
  readonly #options: LeafRunnerOptions;
  /** By step and leaf. */
  readonly #running = new Map<string, AbortController>();

  constructor(options: LeafRunnerOptions) {
    this.#options = options;
  }

  async compute(step: number, leaf: number): Promise<void> {
    const { trainee, clock, recipe, meter, buffers, post } = this.#options;
    const name = nameOf(step, leaf);
    const abort = new AbortController();
    this.#running.set(name, abort);
    const startedAtMs = clock.monotonic();
    meter.leafStarted();
    try {
      const vector = await trainee.computeLeaf(step, leaf, abort.signal, buffers.take(recipe.vectorLength));
      if (vector.length !== recipe.vectorLength)
        fail('LeafMalformed', { step, leaf, floats: vector.length, expected: recipe.vectorLength });
      if (!abort.signal.aborted) meter.leafCounted();
      post({ kind: 'computed', step, leaf, elapsedMs: clock.monotonic() - startedAtMs }, vector);
    } catch (error) {
      if (!abort.signal.aborted) throw error;
      post({ kind: 'released', step, leaf });
    } finally {
      this.#running.delete(name);
      meter.leafEnded();
    }
  }

  abandon(step: number, leaf: number): void {
    this.#running.get(nameOf(step, leaf))?.abort(new DOMException('not wanted', 'AbortError'));
  }

  /** At the end, and before another state is taken: a leaf that still waits would ask that one for the old step. */
  abandonAll(reason: unknown): void {
    for (const leaf of this.#running.values()) leaf.abort(reason);
  }
}

const nameOf = (step: number, leaf: number): string => `${step}/${leaf}`;
