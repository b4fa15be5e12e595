import type { LaunchOptions } from '../../../cli/local/launch.js';
import { launchWorkers } from '../../../cli/local/launch.js';
import { lockRun } from '../../../cli/local/runLock.js';
import { systemClock } from '../../../common/clock.js';
import { reachedBy } from './linkProxy.js';

/** A launcher as a process of its own, so that it can be killed: the product's lock and launcher, with the test's way between workers. */
export interface LauncherOrders {
  readonly workers: number;
  readonly folder: string;
  readonly config: LaunchOptions['config'];
}

const say = (what: object) => process.stdout.write(`${JSON.stringify(what)}\n`);
// Nothing comes here: its end is the end of the campaign, however that ended, and workers end with their launcher.
process.stdin.resume().once('end', () => process.exit(1));
process.stdin.unref();
const orders = JSON.parse(process.argv[2] ?? '{}') as LauncherOrders;
try {
  await using _lock = await lockRun(orders.folder);
  await launchWorkers({
    ...orders,
    env: process.env,
    clock: systemClock,
    signal: new AbortController().signal,
    onPids: async () => {},
    route: (id, address) => {
      say({ listen: { id, address } });
      return reachedBy(address);
    },
    onEvent: (worker, { step, error }) => {
      if (step) say({ committed: { worker, step: step.step, leaves: step.leavesComputed } });
      if (error) say({ error: { worker, name: error.name, message: error.message } });
    },
  });
  say({ ended: 'finished' });
} catch (error) {
  say({ ended: 'failed', why: error instanceof Error ? error.message : String(error) });
  process.exitCode = 1;
}
