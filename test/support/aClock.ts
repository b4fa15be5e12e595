import type { Clock } from '../../common/clock.js';

export interface ManualClock extends Clock {
  /** Moves time on; everything that slept until then wakes in order. */
  advance(ms: number): void;
  readonly sleepers: number;
}

/** A clock that stands until it is moved. */
export function aClock(startMs = Date.parse('2026-01-01T00:00:00Z')): ManualClock {
  let now = 0;
  const sleeping = new Set<{ readonly at: number; readonly wake: () => void }>();
  return {
    now: () => startMs + now,
    monotonic: () => now,
    get sleepers() {
      return sleeping.size;
    },
    advance(ms) {
      const until = now + ms;
      for (;;) {
        const [first] = [...sleeping].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
        if (!first) break;
        now = Math.max(now, first.at);
        sleeping.delete(first);
        first.wake();
      }
      now = until;
    },
    sleep: (delayMs, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) return reject(signal.reason);
        const onAbort = () => {
          sleeping.delete(sleeper);
          reject(signal?.reason);
        };
        const wake = () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        };
        const sleeper = { at: now + delayMs, wake };
        sleeping.add(sleeper);
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
  };
}
