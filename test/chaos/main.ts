import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { campaign, isGood } from './campaign.js';
import { openClusterPlace } from './cluster/clusterPlace.js';
import { openLocalPlace } from './local/localPlace.js';
import { oneOfEachKind } from './local/oneOfEachKind.js';
import type { Place } from './place.js';
import { plannedRuns } from './plan.js';
import { linesOfResult, linesOfRun } from './report.js';

// `npm run chaos -- --faults N --seed S [--lanes L] [--json]`: a tiny job on real worker processes, with faults of every kind;
// with `--cluster` on pods of the test cluster, or of the one that KUBECONFIG names.
const { values } = parseArgs({
  options: {
    cluster: { type: 'boolean', default: false },
    faults: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    lanes: { type: 'string', default: '2' },
    /** Eight faults, one of each kind, instead of many by chance. */
    'one-of-each': { type: 'boolean', default: false },
    /** Only this run of the plan, e.g. `run-7`. */
    only: { type: 'string' },
    /** Copies logs, views and settings of every run there. */
    logs: { type: 'string' },
    json: { type: 'boolean', default: false },
    inside: { type: 'boolean', default: false },
  },
});
if (values.cluster && values['one-of-each'])
  throw new Error('--one-of-each is a campaign of one machine, not of --cluster');
process.exitCode = values.inside || values.cluster ? await run() : await startInside();

/** Small disks are mounted where nobody else sees them, and go with the process, however it ends. */
async function startInside(): Promise<number> {
  const argv = ['-rm', process.execPath, '--enable-source-maps', fileURLToPath(import.meta.url), '--inside'];
  const inside = spawn('unshare', [...argv, ...process.argv.slice(2)], { stdio: 'inherit' });
  // Asked to stop by its number alone, the campaign would go on without it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => inside.kill(signal));
  try {
    const [status] = (await once(inside, 'exit')) as [number | null];
    return status ?? 3;
  } catch (error) {
    process.stderr.write(`chaos needs unshare (util-linux) and user name spaces: ${(error as Error).message}\n`);
    return 3;
  }
}

async function run(): Promise<number> {
  const plan = { faults: Number(values.faults), seed: Number(values.seed) };
  await using place = await openPlace();
  const all = values['one-of-each'] ? oneOfEachKind(plan, place) : plannedRuns(plan, place);
  const result = await campaign({
    place,
    runs: all.filter(({ name }) => values.only === undefined || name === values.only),
    plan,
    // A node, a controller or an API server that fails, fails for all.
    lanes: values.cluster ? 1 : Number(values.lanes),
    onRun: (record) => {
      if (values.json) say(JSON.stringify({ event: 'run', ...record }));
      else for (const line of linesOfRun(record)) say(line);
    },
  });
  if (values.json) say(JSON.stringify({ event: 'result', seed: plan.seed, ...result }));
  else for (const line of linesOfResult(result, plan.seed)) say(line);
  return isGood(result) ? 0 : 1;
}

function openPlace(): Promise<Place> {
  const { logs } = values;
  return values.cluster ? openClusterPlace({ logs }) : openLocalPlace({ steps: values['one-of-each'] ? 32 : 80, logs });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
