import type { Clock } from '../../common/clock.js';
import type { View } from '../../elastic/view.js';
import type { WorkerEventInput } from '../../proto/generated/espalier/v1/WorkerEvent.js';
import { type ServedService, service } from '../../proto/transport.js';
import type { ViewSource } from './trainee.js';

/** The worker's end of its controller or launcher: views and stop come in, events go out. */
export interface WorkerControl {
  readonly service: ServedService;
  readonly views: ViewSource;
  /** Aborted when the worker is asked to stop. */
  readonly stop: AbortSignal;
  /** Tells whoever watches; kept for who comes later. */
  emit(event: EventBody): void;
  /** Ends the streams of events after what was emitted is out. */
  close(): void;
}

export type EventBody = Omit<WorkerEventInput, 'sequence' | 'timeMs' | 'body'>;

/** Events are kept for watchers that reconnect. */
const keptEvents = 4096;

export function createWorkerControl({ clock }: { clock: Clock }): WorkerControl {
  const stop = new AbortController();
  const changed = new Set<() => void>();
  const events: (EventBody & { readonly sequence: number; readonly timeMs: number })[] = [];
  let sequence = 0;
  let view: View | undefined;
  let closed = false;

  const wake = () => {
    for (const resume of [...changed]) resume();
  };
  const change = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const settle = (finish: () => void) => () => {
        changed.delete(resume);
        signal.removeEventListener('abort', abort);
        finish();
      };
      const resume = settle(resolve);
      const abort = settle(() => reject(signal.reason));
      if (signal.aborted) return reject(signal.reason);
      changed.add(resume);
      signal.addEventListener('abort', abort, { once: true });
    });
  const emit = (event: EventBody) => {
    events.push({ ...event, sequence: ++sequence, timeMs: clock.now() });
    if (events.length > keptEvents) events.shift();
    wake();
  };

  return {
    stop: stop.signal,
    emit,
    close: () => {
      closed = true;
      wake();
    },
    views: {
      async *views(signal) {
        let seen: View | undefined;
        for (;;) {
          if (view !== undefined && view !== seen) {
            seen = view;
            yield view;
          } else await change(signal);
        }
      },
      ready: (nextStep) => emit({ ready: { nextStep } }),
      leaving: () => emit({ leaving: { reason: 'asked to stop' } }),
    },
    service: service('Worker', {
      async setView({ view: next }) {
        // Equal numbers pass: unlike members under one number must be seen by the protocol, which calls it a fault.
        const isNews = next && next.number >= (view?.number ?? 0) && JSON.stringify(next) !== JSON.stringify(view);
        if (isNews) {
          view = { number: next.number, members: next.members };
          wake();
        }
        return { number: view?.number ?? 0 };
      },
      async *watchEvents({ afterSequence }, { signal }) {
        let last = afterSequence;
        for (;;) {
          for (const event of events.filter((one) => one.sequence > last)) {
            last = event.sequence;
            yield event;
          }
          if (last >= sequence && closed) return;
          if (last >= sequence) await change(signal);
        }
      },
      async stop({ reason }) {
        stop.abort(new DOMException(reason || 'asked to stop', 'AbortError'));
        return {};
      },
    }),
  };
}
