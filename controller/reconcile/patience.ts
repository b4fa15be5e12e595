/** Pods come within seconds of each other, and the next state with them. */
const mostMs = 5000;

/** What is not worth a write of its own waits a while for something that is. */
export class Patience {
  /** By UID of the job: since when something waits. */
  readonly #sinceMs = new Map<string, number>();

  /** How much longer; 0 = no more. */
  leftMs(uid: string, nowMs: number): number {
    const sinceMs = this.#sinceMs.get(uid) ?? nowMs;
    this.#sinceMs.set(uid, sinceMs);
    return Math.max(0, sinceMs + mostMs - nowMs);
  }

  /** Nothing waits any more. */
  forget(uid: string): void {
    this.#sinceMs.delete(uid);
  }
}
