/** A signal that is aborted with the given one, or after a time; to be disposed of when it is no longer needed. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** The time is over. */
  readonly isOver: boolean;
}

/**
 * Not `AbortSignal.any([signal, AbortSignal.timeout(ms)])`: `any` holds its sources weakly, so in Node 20 the timeout is
 * collected sooner or later, and never fires.
 */
export function deadlineOf(signal: AbortSignal, afterMs: number): Deadline {
  const own = new AbortController();
  const timer = setTimeout(() => own.abort(new DOMException(`not within ${afterMs} ms`, 'TimeoutError')), afterMs);
  return {
    signal: AbortSignal.any([signal, own.signal]),
    get isOver() {
      return own.signal.aborted;
    },
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}
