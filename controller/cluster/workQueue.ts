import type { Clock } from '../../common/clock.js';

export interface WorkQueueOptions {
  readonly clock: Clock;
  /** [0, 1): spreads retries. */
  readonly random: () => number;
  readonly concurrency: number;
}

/** A key is worked on by one at a time; what is added meanwhile is worked on once more, however often it was added. */
export interface WorkQueue {
  /**
   * The earliest of several wishes for one key counts. What is due is done in the order of its times; what is urgent goes as if
   * it had been due 5 s earlier.
   */
  add(key: string, delayMs?: number, how?: 'urgent'): void;
  readonly waiting: number;
  /**
   * Works until the signal is aborted, then waits for work under way. `work` answers when it wants the key again, if ever;
   * when it throws, the key comes again after a back-off of its own.
   */
  run(work: (key: string) => Promise<number | undefined>, signal: AbortSignal): Promise<void>;
}

const firstRetryMs = 500;
const mostRetryMs = 60_000;
/** How far what is urgent goes ahead: long enough for a crowd, and nobody is kept back by those who come later than that. */
const aheadMs = 5000;

export function createWorkQueue({ clock, random, concurrency }: WorkQueueOptions): WorkQueue {
  /** When each key is due, by the monotonic clock; in the order of their first wish. */
  const due = new Map<string, number>();
  /** Of those that are due. */
  const urgent = new Set<string>();
  const busy = new Set<string>();
  const failures = new Map<string, number>();
  let wake = () => {};
  /** Until when the loop sleeps: what comes later than that wakes nobody. */
  let sleepsUntilMs = Number.POSITIVE_INFINITY;

  const add = (key: string, delayMs = 0, how?: 'urgent'): void => {
    const at = clock.monotonic() + delayMs;
    due.set(key, Math.min(due.get(key) ?? at, at));
    if (how === 'urgent') urgent.add(key);
    if (at < sleepsUntilMs && !busy.has(key)) wake();
  };
  const next = (): { readonly key?: string; readonly inMs?: number } => {
    const now = clock.monotonic();
    let soonest = Number.POSITIVE_INFINITY;
    let first: { readonly key: string; readonly at: number } | undefined;
    for (const [key, at] of due) {
      if (busy.has(key)) continue;
      const place = urgent.has(key) ? at - aheadMs : at;
      if (at > now) soonest = Math.min(soonest, at);
      else if (!first || place < first.at) first = { key, at: place };
    }
    if (first) return { key: first.key };
    return soonest === Number.POSITIVE_INFINITY ? {} : { inMs: soonest - now };
  };
  const retryMs = (key: string): number => {
    const before = failures.get(key) ?? 0;
    failures.set(key, before + 1);
    return Math.min(mostRetryMs, firstRetryMs * 2 ** Math.min(before, 10)) * (0.5 + random() / 2);
  };
  return {
    add,
    get waiting() {
      return due.size;
    },
    async run(work, signal) {
      const running = new Set<Promise<void>>();
      const start = (key: string): void => {
        due.delete(key);
        urgent.delete(key);
        busy.add(key);
        const job = work(key)
          .then(
            (again) => {
              failures.delete(key);
              if (again !== undefined) add(key, again);
            },
            () => add(key, retryMs(key)),
          )
          .finally(() => {
            busy.delete(key);
            running.delete(job);
            wake();
          });
        running.add(job);
      };
      while (!signal.aborted) {
        const isFull = running.size >= concurrency;
        const { key, inMs } = isFull ? {} : next();
        if (key !== undefined) {
          start(key);
          continue;
        }
        sleepsUntilMs = isFull ? Number.NEGATIVE_INFINITY : clock.monotonic() + (inMs ?? Number.POSITIVE_INFINITY);
        const timer = new AbortController();
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const either = AbortSignal.any([signal, timer.signal]);
        const slept = inMs === undefined ? forever(either) : clock.sleep(inMs, either).catch(() => {});
        await Promise.race([woken, slept]);
        // With a reason of its own: the default one is an exception that notes its stack, each time.
        timer.abort('woken');
      }
      await Promise.all(running);
    },
  };
}

const forever = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) =>
    signal.aborted ? resolve() : signal.addEventListener('abort', () => resolve(), { once: true }),
  );
