/**
 * Arrays that are used again. A step moves several times the adapter's size through a worker; V8 starts a full collection for
 * about every 64 MB of new array buffers that outlive a short one, and each has to be zeroed first (docs/adr/0013).
 */
export class Buffers {
  readonly #free = new Map<number, Float32Array[]>();
  readonly #mostFloats: number;
  #freeFloats = 0;

  /** @param mostFloats how much is kept for the next one; what comes back beyond that is left to the collector. */
  constructor(mostFloats: number) {
    this.#mostFloats = mostFloats;
  }

  /** `length` floats of any value: who takes an array writes all of it. */
  take(length: number): Float32Array {
    const values = this.#free.get(length)?.pop();
    if (values === undefined) return new Float32Array(length);
    this.#freeFloats -= length;
    return values;
  }

  /** Nobody touches `values` any more. */
  give(values: Float32Array): void {
    const { length } = values;
    if (length === 0 || this.#freeFloats + length > this.#mostFloats) return;
    const free = this.#free.get(length);
    if (free === undefined) this.#free.set(length, [values]);
    else free.push(values);
    this.#freeFloats += length;
  }
}
