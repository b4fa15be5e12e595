interface Planned {
  readonly atMs: number;
  readonly place: number;
  readonly run: () => void;
}

/** Simulated time: what is planned runs in order of time, and of equal times the one asked for first comes first. */
export class EventQueue {
  nowMs = 0;
  /** A binary heap, the next one at the top. */
  readonly #heap: Planned[] = [];
  #planned = 0;

  after(delayMs: number, run: () => void): void {
    const added: Planned = { atMs: this.nowMs + delayMs, place: this.#planned++, run };
    let at = this.#heap.push(added) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(added, this.#heap[parent]!)) break;
      this.#heap[at] = this.#heap[parent]!;
      at = parent;
    }
    this.#heap[at] = added;
  }

  every(periodMs: number, run: () => void): void {
    this.after(periodMs, () => {
      run();
      this.every(periodMs, run);
    });
  }

  runNext(): void {
    const next = this.#heap[0]!;
    const last = this.#heap.pop()!;
    if (next !== last) this.#sink(last);
    this.nowMs = next.atMs;
    next.run();
  }

  /** From the top down, to its place. */
  #sink(moved: Planned): void {
    const heap = this.#heap;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, moved)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = moved;
  }
}

const isBefore = (a: Planned, b: Planned): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.place < b.place);
