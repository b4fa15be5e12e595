import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Logger } from '../common/log.js';
import { programUrl } from '../common/programs.js';

/** CPU time that the main thread may take for one turn of its event loop. Chosen: a spinning one took 2 GB of memory in it. */
const mostBusyMs = 15_000;
const beatMs = 500;
/** Its looks make little garbage, which would be let lie until a usual young generation is full. */
const heapLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 };

export interface WatchdogOptions {
  readonly member: string;
  readonly log: Logger;
  readonly mostBusyMs?: number;
}

export interface WatchdogOrders {
  /** For the line that it leaves. */
  readonly member: string;
  readonly mostBusyMs: number;
  /** Counts turns of the main thread's event loop. */
  readonly turns: Int32Array;
}

/**
 * Ends this process, hard, when its main thread computes for ever: Node's HTTP/2 can be brought to write empty frames of a
 * stream that is gone until all memory is used up (docs/adr/0016). A worker that is dead is replaced; one that spins keeps its
 * place. Goes by the thread's CPU time, so that a process that was stopped or is throttled is no suspect; Linux alone tells it,
 * elsewhere nothing is watched. Watches until it is disposed of: to merge a large base takes longer than any step.
 */
export function startWatchdog({ member, log, mostBusyMs: most = mostBusyMs }: WatchdogOptions): Disposable {
  try {
    readFileSync(`/proc/self/task/${process.pid}/stat`);
  } catch {
    log.info('nothing here watches for a main thread that computes for ever');
    return { [Symbol.dispose]: () => {} };
  }
  const turns = new Int32Array(new SharedArrayBuffer(4));
  const orders: WatchdogOrders = { member, mostBusyMs: most, turns };
  const thread = new Worker(programUrl('watchdogThread'), {
    workerData: orders,
    execArgv: [],
    resourceLimits: heapLimits,
  });
  thread.unref();
  // Without it training goes on as well.
  thread.on('error', (error) => log.warn('the watchdog has ended', { error: String(error) }));
  const beat = setInterval(() => Atomics.add(turns, 0, 1), beatMs).unref();
  return {
    [Symbol.dispose]: () => {
      void thread.terminate();
      clearInterval(beat);
    },
  };
}
