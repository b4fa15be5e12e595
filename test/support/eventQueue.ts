interface Planned {
  readonly atMs: number;
  readonly run: () => void;
}

/** Simulated time: what is planned runs in order of time, and of equal times the one asked for first comes first. */
export class EventQueue {
  nowMs = 0;
  /** Latest first. */
  readonly #planned: Planned[] = [];

  after(delayMs: number, run: () => void): void {
    const atMs = this.nowMs + delayMs;
    let [from, to] = [0, this.#planned.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.#planned[middle]!.atMs > atMs) from = middle + 1;
      else to = middle;
    }
    this.#planned.splice(from, 0, { atMs, run });
  }

  every(periodMs: number, run: () => void): void {
    this.after(periodMs, () => {
      run();
      this.every(periodMs, run);
    });
  }

  runNext(): void {
    const next = this.#planned.pop()!;
    this.nowMs = next.atMs;
    next.run();
  }
}
