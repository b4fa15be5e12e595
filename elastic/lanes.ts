/** One engine as seen from here. */
export interface Lane {
  readonly own: boolean;
  /** Another's, with no leaf of its own home left to do. */
  readonly steals: boolean;
  /** How long a leaf takes there. */
  readonly leafMs: number;
  freeAtMs: number;
}

interface Placed extends Lane {
  /** Of engines that would end a leaf at the same time, the one that was added first comes first. */
  readonly place: number;
}

/** Engines by when each would end its next leaf: a binary heap, the first of them at the top. */
export class Lanes {
  readonly #heap: Placed[] = [];

  get first(): Lane | undefined {
    return this.#heap[0];
  }

  add(lane: Lane): void {
    let at = this.#heap.push({ ...lane, place: this.#heap.length }) - 1;
    while (at > 0 && this.#isBefore(at, (at - 1) >> 1)) {
      this.#swap(at, (at - 1) >> 1);
      at = (at - 1) >> 1;
    }
  }

  /** The first engine gets a leaf. */
  give(): void {
    const first = this.#heap[0]!;
    first.freeAtMs += first.leafMs;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < this.#heap.length && this.#isBefore(child, least)) least = child;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [x, y] = [this.#heap[a]!, this.#heap[b]!];
    const [xEndsMs, yEndsMs] = [x.freeAtMs + x.leafMs, y.freeAtMs + y.leafMs];
    return xEndsMs < yEndsMs || (xEndsMs === yEndsMs && x.place < y.place);
  }

  #swap(a: number, b: number): void {
    [this.#heap[a], this.#heap[b]] = [this.#heap[b]!, this.#heap[a]!];
  }
}
