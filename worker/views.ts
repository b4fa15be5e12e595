import { fail } from '../api/errors.js';
import type { View } from '../elastic/view.js';
import type { EventLog } from './eventLog.js';
import type { ViewSource } from './exchange/trainee.js';

/** Views as the oracle sets them, and what the oracle is told back through the event log. */
export interface ViewBox extends ViewSource {
  /** Takes a view; an older one is left alone. Answers with the number gone by from now on. Throws `ViewConflict`. */
  set(view: View): number;
  readonly current: View | undefined;
}

export function createViewBox(events: EventLog): ViewBox {
  let current: View | undefined;
  const waiting = new Set<() => void>();
  const wakeAll = () => {
    for (const wake of waiting) wake();
    waiting.clear();
  };
  return {
    get current() {
      return current;
    },
    set(view) {
      if (current && view.number === current.number && JSON.stringify(view) !== JSON.stringify(current))
        fail('ViewConflict', { view: view.number, here: membersOf(current), there: membersOf(view) });
      if (!current || view.number > current.number) {
        current = view;
        wakeAll();
      }
      return current.number;
    },
    async *views(signal) {
      let seen = 0;
      signal.addEventListener('abort', wakeAll, { once: true });
      try {
        while (!signal.aborted) {
          if (current && current.number > seen) {
            seen = current.number;
            yield current;
          } else await new Promise<void>((wake) => waiting.add(wake));
        }
      } finally {
        signal.removeEventListener('abort', wakeAll);
      }
    },
    ready: (nextStep) => events.append({ ready: { nextStep } }),
    leaving: () => events.append({ leaving: { reason: 'left on request' } }),
  };
}

const membersOf = ({ members }: View): string => members.map(({ id }) => id).join(' ');
