import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../../common/root.js';
import { type Series, svgPlot, textPlot } from './plot.js';
import { projected } from './project.js';
import { restartEveryone, type Scenario, type Simulated, simulate, usual } from './simulate.js';

// `npm run sim -- --workers 64 --mtbf 1h [--steps 30] [--seed 1] [--json]`: one training in simulated time, beside one that
// restarts everyone on the same failures. `--sweep` does that for 4 to 256 workers, projects to 2,000 and plots.
const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '64' },
    mtbf: { type: 'string', default: '1h' },
    steps: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    sweep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const say = (line: string) => process.stdout.write(`${line}\n`);
const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const [, amount, unit] = /^(\d+(?:\.\d+)?)([smhd])$/.exec(values.mtbf) ?? [];
if (amount === undefined) {
  process.stderr.write('--mtbf takes a number and a unit: 90s, 20m, 1h, 7d\n');
  process.exit(2);
}
const scenarioOf = (workers: number, steps: number): Scenario => ({
  ...usual,
  workers,
  steps,
  mtbfMs: Number(amount) * units[unit!]!,
  seed: Number(values.seed),
});

interface Compared {
  readonly scenario: Scenario;
  readonly espalier: Simulated;
  readonly restart: { readonly seconds: number; readonly goodput: number };
}

function compare(scenario: Scenario): Compared {
  const espalier = simulate(scenario);
  // The failures go on after the end of the faster one, at the same rate.
  const { failuresAtMs, seconds } = espalier;
  const rounds = failuresAtMs.length === 0 ? 0 : 50;
  const forever = Array.from({ length: rounds }, (_, round) =>
    failuresAtMs.map((atMs) => atMs + round * seconds * 1000),
  );
  return { scenario, espalier, restart: restartEveryone(scenario, forever.flat(), espalier.stepSecondsMedian * 1000) };
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function lines({ scenario, espalier, restart }: Compared): string[] {
  const { workers, steps } = scenario;
  const recovery =
    espalier.recoverySecondsMedian === null
      ? 'no failure'
      : `recovery ${espalier.recoverySecondsMedian.toFixed(1)} s median, ${espalier.recoverySecondsMax!.toFixed(1)} s at most`;
  return [
    `${workers} workers, ${steps} steps, ${espalier.failuresAtMs.length} failures: ${recovery}`,
    `  goodput ${percent(espalier.goodput)}, restarting everyone ${percent(restart.goodput)}`,
    `  ${(espalier.bytesSentPerWorkerAndStep / 2 ** 20).toFixed(1)} MiB sent by a worker in a step of ${espalier.stepSecondsMedian.toFixed(1)} s, ${percent(espalier.redoneShare)} of leaves computed again, ${espalier.protocolMsPerWorkerAndStep.toFixed(1)} ms of protocol in each worker and step`,
    ...espalier.problems.map((problem) => `  PROBLEM ${problem}`),
  ];
}

/** Fewer steps where there are more workers: they meet as many failures in less time. */
const sweep: readonly (readonly [workers: number, steps: number])[] = [
  [4, 60],
  [16, 40],
  [64, 30],
  [256, 10],
];
const compared = values.sweep
  ? sweep.map(([workers, steps]) => compare(scenarioOf(workers, steps)))
  : [compare(scenarioOf(Number(values.workers), Number(values.steps)))];
if (!values.json) for (const line of compared.flatMap(lines)) say(line);

const pointsOf = (goodput: (one: Compared) => number) =>
  compared.map((one) => ({ workers: one.scenario.workers, goodput: goodput(one) }));
const last = compared.at(-1)!;
const beyond = values.sweep ? [512, 1024, 2000].map((workers) => projected(workers, last.scenario, last.espalier)) : [];
const series: Series[] = [
  { name: 'Espalier, simulated', color: '#2a7', points: pointsOf(({ espalier }) => espalier.goodput) },
  { name: 'restart everyone', color: '#c44', points: pointsOf(({ restart }) => restart.goodput) },
  ...(beyond.length > 0
    ? [
        {
          name: 'Espalier, projected',
          color: '#27a',
          dashed: true,
          points: [{ workers: last.scenario.workers, goodput: last.espalier.goodput }, ...beyond],
        },
      ]
    : []),
];
if (!values.json) for (const line of textPlot(series)) say(line);
if (values.sweep) {
  const caption = `Goodput over workers; each fails once in ${values.mtbf} on average, a replacement takes ${usual.replaceMs / 1000} s`;
  writeFileSync(join(packageRoot(), 'docs/elastic-goodput.svg'), svgPlot(series, caption));
}
const good = compared.every(({ espalier }) => espalier.problems.length === 0);
if (values.json) say(JSON.stringify({ event: 'result', good, runs: compared, projected: beyond }));
process.exitCode = good ? 0 : 1;
