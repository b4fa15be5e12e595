import { median } from './machine.js';

export interface Recovered {
  /** Median time of steps that no kill disturbed. */
  readonly stepMs: number;
  /** Of each kill: until the next commit, less `stepMs`. */
  readonly addedMs: readonly number[];
}

/** Says when to kill next, and keeps what each kill cost: one rule for both sides of the comparison. */
export class Kills {
  readonly #count: number;
  readonly #calmSteps: number;
  readonly #gaps: number[] = [];
  readonly #waits: number[] = [];
  #highest = -1;
  #lastMs = 0;
  #calm = 0;
  #killedAtMs: number | undefined;
  #pending = false;

  constructor({ count, calmSteps }: { count: number; calmSteps: number }) {
    this.#count = count;
    this.#calmSteps = calmSteps;
  }

  /** Kills so far. */
  get made(): number {
    return this.#waits.length + (this.#killedAtMs === undefined ? 0 : 1);
  }

  get done(): boolean {
    return this.#waits.length >= this.#count;
  }

  /** A commit by somebody; `whole` = with everybody there. Answers whether it is time for the next kill. */
  committed(step: number, atMs: number, whole: boolean): boolean {
    if (step <= this.#highest) return false;
    const gapMs = atMs - this.#lastMs;
    this.#highest = step;
    this.#lastMs = atMs;
    if (this.#killedAtMs !== undefined) {
      this.#waits.push(atMs - this.#killedAtMs);
      this.#killedAtMs = undefined;
      this.#pending = false;
      this.#calm = 0;
      return false;
    }
    this.#calm = whole ? this.#calm + 1 : 0;
    // The first step of a whole team still warms up.
    if (this.#calm > 1) this.#gaps.push(gapMs);
    if (this.#calm <= this.#calmSteps || this.#pending || this.done) return false;
    this.#pending = true;
    return true;
  }

  killed(atMs: number): void {
    this.#killedAtMs = atMs;
  }

  recovered(): Recovered {
    const stepMs = median(this.#gaps);
    return { stepMs, addedMs: this.#waits.map((waitMs) => waitMs - stepMs) };
  }
}
