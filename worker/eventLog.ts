import type { Clock } from '../common/clock.js';
import type { WorkerEventInput } from '../proto/generated/espalier/v1/WorkerEvent.js';

type Body = Omit<WorkerEventInput, 'sequence' | 'timeMs' | 'body'>;

/** What happens in a worker, in order; watchers begin wherever they left off and miss nothing. */
export interface EventLog {
  append(body: Body): void;
  /** Every event after `sequence`, then each later one; ends with `close` or the signal. */
  after(sequence: number, signal: AbortSignal): AsyncIterable<WorkerEventInput>;
  /** No event follows; resolves when every watcher has read all, or the signal is aborted. */
  close(signal: AbortSignal): Promise<void>;
}

/** Steps come by the thousand; a watcher further behind than this gets the newest ones, the rest of the log stays whole. */
const keptSteps = 4096;

export function createEventLog(clock: Pick<Clock, 'now'>): EventLog {
  const events: WorkerEventInput[] = [];
  const waiting = new Set<() => void>();
  let last = 0;
  let steps = 0;
  let closed = false;
  let watchers = 0;

  const wakeAll = () => {
    for (const wake of waiting) wake();
    waiting.clear();
  };
  return {
    append(body) {
      last += 1;
      events.push({ ...body, sequence: last, timeMs: clock.now() });
      if (body.step && ++steps > keptSteps) {
        events.splice(
          events.findIndex(({ step }) => step),
          1,
        );
        steps -= 1;
      }
      wakeAll();
    },
    async *after(sequence, signal) {
      let read = sequence;
      watchers += 1;
      const onAbort = () => wakeAll();
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        while (!signal.aborted) {
          const next = events.find((event) => Number(event.sequence) > read);
          if (next) {
            read = Number(next.sequence);
            yield next;
          } else if (closed) return;
          else await new Promise<void>((wake) => waiting.add(wake));
        }
      } finally {
        signal.removeEventListener('abort', onAbort);
        watchers -= 1;
        wakeAll();
      }
    },
    async close(signal) {
      closed = true;
      wakeAll();
      signal.addEventListener('abort', wakeAll, { once: true });
      while (watchers > 0 && !signal.aborted) await new Promise<void>((wake) => waiting.add(wake));
      signal.removeEventListener('abort', wakeAll);
    },
  };
}
