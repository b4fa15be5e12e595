import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { workerData } from 'node:worker_threads';
import { EspalierError } from '../api/errors.js';
import { createLogger, lineSink } from '../common/log.js';
import type { WatchdogOrders } from './watchdog.js';

const lookMs = 250;
/** `man 5 proc`: clock ticks; 100 a second on every Linux that Node runs on. */
const msPerClockTick = 10;

const { member, mostBusyMs, turns } = workerData as WatchdogOrders;
let seen = -1;
let busyFromMs = 0;
for (const never = new Int32Array(new SharedArrayBuffer(4)); ; ) {
  // A timer would need this thread's event loop; like this it costs nothing between two looks.
  Atomics.wait(never, 0, 0, lookMs);
  const cpuMs = mainThreadMs();
  const turn = Atomics.load(turns, 0);
  if (turn !== seen) [seen, busyFromMs] = [turn, cpuMs];
  else if (cpuMs - busyFromMs >= mostBusyMs) end();
}

/** User and system time of the main thread: fields 14 and 15, counted from behind the name, which may hold spaces. */
function mainThreadMs(): number {
  const stat = readFileSync(`/proc/self/task/${process.pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * msPerClockTick;
}

function end(): void {
  const { message, name, code, remedy, facts } = new EspalierError('WorkerSpinning', { member, busyMs: mostBusyMs });
  createLogger(lineSink(2), { fields: { member } }).error(message, { name, code, remedy, facts });
  process.kill(process.pid, 'SIGKILL');
  // Process 1 of a container cannot be killed from inside, and `process.abort` is the main thread's alone: V8's own end is left.
  setFlagsFromString('--allow-natives-syntax');
  new Function('%Abort(0)')();
}
