import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';

/** CPU time that the main thread may take for one turn of its event loop: nothing of ours takes a tenth of it. */
const mostBusyMs = 15_000;
const beatMs = 500;

export interface WatchdogOptions {
  /** For the line that it leaves. */
  readonly member: string;
  readonly mostBusyMs?: number;
}

export interface WatchdogOrders extends Required<WatchdogOptions> {
  /** Counts turns of the main thread's event loop. */
  readonly turns: Int32Array;
}

/**
 * Ends this process, hard, when its main thread computes for ever: Node's HTTP/2 can be brought to write empty frames of a
 * stream that is gone until all memory is used up (docs/adr/0016). A worker that is dead is replaced; one that spins keeps its
 * place. Goes by the thread's CPU time, so that a process that was stopped or is throttled is no suspect. Answers whether it
 * watches: Linux alone tells a thread's CPU time.
 */
export function startWatchdog({ member, mostBusyMs: most = mostBusyMs }: WatchdogOptions): boolean {
  try {
    readFileSync(`/proc/self/task/${process.pid}/stat`);
  } catch {
    return false;
  }
  const turns = new Int32Array(new SharedArrayBuffer(4));
  const orders: WatchdogOrders = { member, mostBusyMs: most, turns };
  new Worker(new URL('./watchdogThread.js', import.meta.url), { workerData: orders, execArgv: [] }).unref();
  setInterval(() => Atomics.add(turns, 0, 1), beatMs).unref();
  return true;
}
