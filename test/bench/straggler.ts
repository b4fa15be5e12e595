import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkerConfig } from '../../worker/config.js';
import type { Prepared } from '../../worker/preflight/prepare.js';
import type { BenchEvent } from './events.js';
import type { ExchangeOptions } from './exchange.js';
import { runFleet } from './fleet.js';
import { load, rounded } from './machine.js';
import { openQuotas, type Quotas } from './quota.js';
import { smallJob } from './smallJob.js';

/** Issue 5: at least this share of the sum of the speeds that the workers have alone under their quotas. */
const target = { shareOfIdeal: 0.8 };
const rows = 16;
/** What a micro-batch moves does not depend on its length: the shorter, the harder. */
const usualTokens = 64;

export interface StragglerOptions extends ExchangeOptions {
  /** Of a micro-batch. */
  readonly tokens?: number;
}
/** Cores: they fit together into two, so nobody waits for anything but its quota. */
const quotas = [0.5, 0.5, 0.5, 0.125] as const;
const alone = [...new Set(quotas)];

/**
 * Four workers under fixed CPU quotas, one of them at a quarter of the others'. Quotas begin when the first step is
 * committed: opening is not measured. Speeds are micro-batches per second from commit to commit; those alone are measured before
 * and after the four together, and their mean counts: a machine's speed wanders.
 */
export async function* benchStraggler(options: StragglerOptions): AsyncGenerator<BenchEvent> {
  const { tokens = usualTokens } = options;
  await using limits = await openQuotas();
  const before = load();
  const speeds = new Map<number, number[]>(alone.map((cores) => [cores, []]));
  const measureAlone = async (cores: number, when: string): Promise<BenchEvent> => {
    const trial = { name: `alone-${cores}-${when}`, quotas: [cores], rows: 8, from: 0, to: 2 };
    const speed = await speedOf(options, limits, trial);
    speeds.get(cores)!.push(speed);
    return row(`one worker alone with ${cores} cores, ${when}`, speed);
  };
  for (const cores of alone) yield await measureAlone(cores, 'before');
  const together = { quotas, rows } as const;
  const stolen = await speedOf(options, limits, { ...together, name: 'stealing', from: 3, to: 9 });
  yield row('four workers, leaves by speed and stolen', stolen);
  for (const cores of alone) yield await measureAlone(cores, 'after');
  const alonePerSecond = new Map([...speeds].map(([cores, measured]) => [cores, mean(measured)]));
  const idealPerSecond = quotas.reduce((sum, cores) => sum + alonePerSecond.get(cores)!, 0);
  const fixed = await speedOf(options, limits, { ...together, name: 'fixed', assignment: 'fixed', from: 1, to: 4 });
  yield row('four workers, a quarter of the leaves each', fixed);
  const shareOfIdeal = rounded(stolen / idealPerSecond);
  const staticShareOfIdeal = rounded(fixed / idealPerSecond);
  const met = shareOfIdeal >= target.shareOfIdeal;
  yield {
    event: 'result',
    fields: {
      ...{ shareOfIdeal, staticShareOfIdeal, target, met, load: before, quotas: limits.kind, cores: quotas },
      microBatches: rows,
      tokensPerMicroBatch: tokens,
      idealPerSecond: rounded(idealPerSecond),
      perSecond: rounded(stolen),
      staticPerSecond: rounded(fixed),
      alonePerSecond: Object.fromEntries([...alonePerSecond].map(([cores, speed]) => [cores, rounded(speed)])),
    },
    lines: [
      `M=${rows} S=${tokens}, cores ${quotas.join(', ')} by ${limits.kind}, load ${before.oneMinute.toFixed(1)}`,
      `${percent(shareOfIdeal)} of the sum of their speeds alone (target ${percent(target.shareOfIdeal)}); a static partition ${percent(staticShareOfIdeal)}`,
      met ? 'target met' : 'target missed',
    ],
  };
}

interface Trial {
  readonly name: string;
  readonly quotas: readonly number[];
  readonly rows: number;
  readonly assignment?: WorkerConfig['assignment'];
  /** Measured from the commit of step `from` to that of step `to`. */
  readonly from: number;
  readonly to: number;
}

/** Micro-batches per second. */
async function speedOf(options: StragglerOptions, limits: Quotas, trial: Trial): Promise<number> {
  const { base, places, folder, tokens = usualTokens } = options;
  const place = join(folder, trial.name);
  await mkdir(place, { recursive: true });
  const cacheFolder = places.cacheDirectory;
  const steps = trial.to + 2;
  const prepared = await smallJob({ base, cacheFolder, folder: place, rows: trial.rows, tokens, steps });
  const commits = new Map<number, number>();
  let limiting: Promise<unknown> | undefined;
  await runFleet({
    prepared,
    workers: trial.quotas.length,
    folder: place,
    cacheFolder,
    ...(trial.assignment && { assignment: trial.assignment }),
    onStep: ({ step, atMs }, fleet) => {
      limiting ??= fleet
        .pids()
        .then((pids) => Promise.all(trial.quotas.map((cores, slot) => limits.limit(pids[slot]!, cores))));
      if (!commits.has(step)) commits.set(step, atMs);
      if (step >= trial.to) fleet.stop();
    },
  });
  await limiting;
  return (leavesBetween(prepared, trial) * 1000) / (commits.get(trial.to)! - commits.get(trial.from)!);
}

const leavesBetween = ({ compiled }: Prepared, { from, to }: Trial): number =>
  compiled.recipe.batches.slice(from + 1, to + 1).reduce((sum, leaves) => sum + leaves.length, 0);

const row = (name: string, perSecond: number): BenchEvent => ({
  event: 'row',
  fields: { name, perSecond: rounded(perSecond) },
  lines: [`${name.padEnd(48)} ${perSecond.toFixed(2)} micro-batches/s`],
});

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
