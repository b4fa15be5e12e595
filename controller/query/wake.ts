/** Lets any number of waiters know that something has changed. */
export class Wake {
  #waiters = new Set<() => void>();

  all(): void {
    const waiting = this.#waiters;
    this.#waiters = new Set();
    for (const resume of waiting) resume();
  }

  /** Resolves at the next `all`; rejects with the signal's reason. */
  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const settle = (then: () => void) => {
        this.#waiters.delete(resume);
        signal.removeEventListener('abort', abort);
        then();
      };
      const resume = () => settle(resolve);
      const abort = () => settle(() => reject(signal.reason));
      this.#waiters.add(resume);
      signal.addEventListener('abort', abort, { once: true });
    });
  }
}
