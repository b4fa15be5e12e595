import type { Handlers } from '../proto/transport.js';
import type { EventLog } from './eventLog.js';
import type { ViewBox } from './views.js';

export interface WorkerServiceDeps {
  readonly events: EventLog;
  readonly views: ViewBox;
  readonly stop: (reason: string) => void;
}

/** What the controller or the local launcher asks of a worker. */
export const workerService = ({ events, views, stop }: WorkerServiceDeps): Handlers<'Worker'> => ({
  async setView({ view }) {
    const members = (view?.members ?? []).map(({ id, address, joined }) => ({ id, address, joined }));
    return { number: views.set({ number: view?.number ?? 0, members }) };
  },
  watchEvents: ({ afterSequence }, { signal }) => events.after(afterSequence, signal),
  async stop({ reason }) {
    stop(reason);
    return {};
  },
});
