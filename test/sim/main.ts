import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { type SimOptions, simOptions } from './options.js';
import { type Series, svgPlot, textPlot } from './plot.js';
import { withTreesAndGroups } from './project.js';
import { type Restarted, restartEveryone } from './restartEveryone.js';
import type { Scenario } from './scenario.js';
import { type Simulated, simulate } from './simulate.js';

// `npm run sim -- --workers 64 --mtbf 1h [--json]`: a training in simulated time on the workers' own state machines, beside
// one that restarts everyone on the same failures; smaller ones first, for the plot. test/sim/options.ts has the options.

const say = (line: string) => process.stdout.write(`${line}\n`);

interface Compared {
  readonly scenario: Scenario;
  readonly espalier: Simulated;
  readonly restart: Restarted;
  /** With the changes that test/sim/project.ts describes: computed. */
  readonly changedGoodput: number;
  /** What this machine took for it. */
  readonly tookSeconds: number;
}

function compare(scenario: Scenario): Compared {
  const startedAtMs = performance.now();
  const espalier = simulate(scenario);
  const tookSeconds = (performance.now() - startedAtMs) / 1000;
  const restart = restartEveryone(scenario, espalier.undisturbedStepSeconds * 1000);
  return { scenario, espalier, restart, changedGoodput: withTreesAndGroups(scenario, espalier), tookSeconds };
}

const percent = (share: number | null): string => (share === null ? 'no end' : `${(100 * share).toFixed(1)} %`);
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

function lines({ scenario, espalier, restart, tookSeconds }: Compared): string[] {
  const { workers, steps, quantumMs } = scenario;
  const { addedSecondsMedian: median, addedSecondsMax: most, undisturbedStepSeconds: step } = espalier;
  const added =
    median === null ? 'nobody failed' : `a failure adds ${median.toFixed(1)} s (median), ${most!.toFixed(1)} s at most`;
  return [
    `${workers} workers, ${steps} steps of ${step.toFixed(1)} s, ${espalier.failuresAtSeconds.length} failures: ${added}, ${espalier.redoneStepsMax} steps redone`,
    `  goodput ${percent(espalier.goodput)}; restarting everyone on the same failures ${percent(restart.goodput)}, ${restart.recoverySeconds} s each`,
    `  a worker sends ${mebibytes(espalier.bytesSentPerWorkerAndStep)} in a step (the busiest ${mebibytes(espalier.bytesSentByBusiestPerStep)}) and hears ${espalier.statusesPerWorkerAndStep.toFixed(0)} statuses; ${percent(espalier.redoneShare)} of leaves computed again, ${espalier.stalls} times somebody gave up waiting`,
    `  simulated in ${tookSeconds.toFixed(1)} s, events taken together every ${quantumMs} ms`,
    ...espalier.problems.map((problem) => `  PROBLEM ${problem}`),
  ];
}

const seriesOf = (compared: readonly Compared[]): readonly Series[] => {
  const points = (goodput: (one: Compared) => number) =>
    compared.map((one) => ({ workers: one.scenario.workers, goodput: goodput(one) }));
  return [
    { name: 'Espalier, simulated', color: '#2a7', points: points(({ espalier }) => espalier.goodput) },
    { name: 'restart everyone', color: '#c44', points: points(({ restart }) => restart.goodput ?? 0) },
    { name: 'trees and groups, computed', color: '#27a', dashed: true, points: points((one) => one.changedGoodput) },
  ];
};

function run({ scenarios, mtbf, json, svg }: SimOptions): boolean {
  const compared: Compared[] = [];
  for (const scenario of scenarios) {
    const one = compare(scenario);
    compared.push(one);
    if (json) say(JSON.stringify({ event: 'run', ...one }));
    else for (const line of lines(one)) say(line);
  }
  const series = seriesOf(compared);
  const caption = `Goodput over workers; each fails once in ${mtbf} on average, a replacement takes ${scenarios[0]!.replaceMs / 1000} s`;
  const plot = resolve(svg);
  mkdirSync(dirname(plot), { recursive: true });
  writeFileSync(plot, svgPlot(series, caption));
  const good = compared.every(({ espalier }) => espalier.problems.length === 0);
  if (!json) for (const line of [...textPlot(series), `plot: ${plot}`]) say(line);
  const { scenario, espalier, restart, changedGoodput, tookSeconds } = compared.at(-1)!;
  if (json)
    say(
      JSON.stringify({
        ...{ event: 'result', good, workers: scenario.workers, mtbf, seed: scenario.seed },
        ...espalier,
        restartEveryone: restart,
        ...{ changedGoodput, tookSeconds, quantumMs: scenario.quantumMs, plot },
        points: series.map(({ name, points }) => ({ name, points })),
      }),
    );
  return good;
}

try {
  process.exitCode = run(simOptions(process.argv.slice(2))) ? 0 : 1;
} catch (error) {
  if (!(error instanceof RangeError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
