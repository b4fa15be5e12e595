import { parseArgs } from 'node:util';
import { grainOf, type Scenario, stepsFor, usual } from './scenario.js';

/** What `npm run sim` is told. */
export interface SimOptions {
  /** Smaller trainings first, then the one asked for: the plot's points. */
  readonly scenarios: readonly Scenario[];
  readonly mtbf: string;
  readonly json: boolean;
  /** Where the plot goes. */
  readonly svg: string;
}

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const plotted = [4, 16, 64, 256, 1000];

/** Throws a RangeError that says what is wrong. */
export function simOptions(args: readonly string[]): SimOptions {
  const text = (standard: string) => ({ type: 'string', default: standard }) as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      workers: text('64'),
      mtbf: text('1h'),
      seed: text('1'),
      steps: { type: 'string' },
      latency: text(`${usual.latencyMs}ms`),
      jitter: text(`${usual.jitterMs}ms`),
      loss: text(String(usual.loss)),
      gbit: text(String((usual.bytesPerMs * 8) / 1e6)),
      skew: text(`${usual.clockOffsetMs}ms`),
      drift: text(String(usual.clockDrift)),
      leaf: text(`${usual.leafMs}ms`),
      replace: text(`${usual.replaceMs}ms`),
      'status-cost': text(`${usual.statusMs}ms`),
      quantum: { type: 'string' },
      svg: text('.build/elastic-goodput.svg'),
      only: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  });
  const most = number('workers', values.workers);
  if (!Number.isInteger(most) || most < 2) throw new RangeError('--workers takes a whole number, 2 at least');
  const common = {
    ...usual,
    mtbfMs: duration('mtbf', values.mtbf),
    seed: number('seed', values.seed),
    latencyMs: duration('latency', values.latency),
    jitterMs: duration('jitter', values.jitter),
    loss: number('loss', values.loss),
    bytesPerMs: (number('gbit', values.gbit) * 1e6) / 8,
    clockOffsetMs: duration('skew', values.skew),
    clockDrift: number('drift', values.drift),
    leafMs: duration('leaf', values.leaf),
    replaceMs: duration('replace', values.replace),
    statusMs: duration('status-cost', values['status-cost']),
  };
  const sizes = values.only ? [most] : [...plotted.filter((size) => size < most), most];
  const scenarios = sizes.map((workers) => ({
    ...common,
    workers,
    ...grainOf(workers),
    ...(values.quantum !== undefined && { quantumMs: duration('quantum', values.quantum) }),
    steps: values.steps === undefined || workers < most ? stepsFor(workers) : number('steps', values.steps),
  }));
  return { scenarios, mtbf: values.mtbf, json: values.json, svg: values.svg };
}

function duration(name: string, value: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|[smhd])$/.exec(value) ?? [];
  if (amount === undefined) throw new RangeError(`--${name} takes a number and a unit: 5ms, 90s, 20m, 1h, 7d`);
  return Number(amount) * units[unit!]!;
}

function number(name: string, value: string): number {
  const amount = Number(value);
  if (value === '' || !Number.isFinite(amount) || amount < 0)
    throw new RangeError(`--${name} takes a number, not ${value}`);
  return amount;
}
