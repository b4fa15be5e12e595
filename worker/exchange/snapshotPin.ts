import type { Trainee } from './trainee.js';

/** One copy of the state for all who fetch the same step; taken between two steps, never inside one. */
export class SnapshotPin {
  readonly #trainee: Trainee;
  readonly #isApplying: () => boolean;
  #waiting: (() => void)[] = [];
  #pinned: { readonly step: number; readonly bytes: Uint8Array } | undefined;

  constructor(trainee: Trainee, isApplying: () => boolean) {
    this.#trainee = trainee;
    this.#isApplying = isApplying;
  }

  /** A step was applied: the copy is of the past. */
  applied(): void {
    this.#pinned = undefined;
    for (const resume of this.#waiting.splice(0)) resume();
  }

  async take(): Promise<{ readonly step: number; readonly bytes: Uint8Array }> {
    while (this.#isApplying())
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    const { nextStep } = this.#trainee;
    if (this.#pinned?.step !== nextStep) this.#pinned = { step: nextStep, bytes: this.#trainee.snapshot() };
    return this.#pinned;
  }
}
