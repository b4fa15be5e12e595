import { join } from 'node:path';
import type { Base } from '../../worker/model/base.js';
import type { BenchEvent } from './events.js';
import { load, median, rounded } from './machine.js';
import { type Side, startSide } from './side.js';
import { type BenchPlaces, espalierSide, peerSide } from './sides.js';
import { type Case, createWorkload, describeCase, type Workload } from './workload.js';

/** What issue 3 asks for: at least this many times the tokens per second, at most this share of the memory of PEFT f32. */
const target = { speedRatio: 1.2, memoryRatio: 0.65 };

const cases: readonly Case[] = [
  { rows: 2, tokens: 512, supervised: 1 },
  { rows: 4, tokens: 256, supervised: 1 },
  { rows: 2, tokens: 512, supervised: 0.5 },
  { rows: 4, tokens: 256, supervised: 0.5 },
];

export interface StepOptions {
  readonly base: Base;
  readonly places: BenchPlaces;
  /** Scratch space. */
  readonly folder: string;
  /** Measured steps per side and case. */
  readonly rounds: number;
  /** Only the cases that every position is supervised in. */
  readonly quick: boolean;
}

interface SideRow {
  readonly name: string;
  readonly stepMs: readonly number[];
  readonly medianMs: number;
  readonly tokensPerSecond: number;
  readonly peakRssBytes: number;
  /** Loss per supervised token before each step, the warm-up's included. */
  readonly losses: readonly number[];
}

interface CaseRow {
  readonly case: string;
  readonly leaves: number;
  readonly supervisedPerStep: number;
  readonly load: ReturnType<typeof load>;
  readonly sides: readonly SideRow[];
  /** Tokens per second against the fastest PEFT f32, peak memory against the leanest. */
  readonly speedRatio: number;
  readonly memoryRatio: number;
  /** Against the fastest PEFT under bf16 autocast. */
  readonly speedRatioBf16: number;
  readonly memoryRatioBf16: number;
}

/** Our training step beside PEFT's, step by step in turns. */
export async function* benchStep(options: StepOptions): AsyncGenerator<BenchEvent> {
  const rows: CaseRow[] = [];
  for (const wanted of options.quick ? cases.slice(0, 2) : cases) {
    const row = await measure(wanted, options);
    rows.push(row);
    yield { event: 'row', lines: linesOf(row), fields: { ...row } };
  }
  // The two cases: every position supervised. The worse of them counts.
  const judged = rows.slice(0, 2);
  const speedRatio = Math.min(...judged.map((row) => row.speedRatio));
  const memoryRatio = Math.max(...judged.map((row) => row.memoryRatio));
  const speedRatioBf16 = Math.min(...judged.map((row) => row.speedRatioBf16));
  const met = speedRatio >= target.speedRatio && memoryRatio <= target.memoryRatio;
  yield {
    event: 'result',
    fields: { speedRatio, memoryRatio, speedRatioBf16, target, met, rows },
    lines: [
      `${speedRatio}x the tokens per second of PEFT f32 (target ${target.speedRatio}x), ${memoryRatio} of its peak memory (target ${target.memoryRatio}), ${speedRatioBf16}x PEFT under bf16 autocast`,
      met ? 'targets met' : 'targets missed',
    ],
  };
}

async function measure(wanted: Case, { base, places, folder, rounds }: StepOptions): Promise<CaseRow> {
  const name = `${wanted.rows}x${wanted.tokens}-${wanted.supervised}`;
  const workload = await createWorkload(wanted, base, rounds + warmUps, join(folder, name));
  const commands = [
    espalierSide(workload, places),
    peerSide(workload, { attention: 'eager', precision: 'float32' }, places),
    peerSide(workload, { attention: 'sdpa', precision: 'float32' }, places),
    peerSide(workload, { attention: 'eager', precision: 'bfloat16' }, places),
    peerSide(workload, { attention: 'sdpa', precision: 'bfloat16' }, places),
  ];
  const before = load();
  const sides: Side[] = [];
  try {
    for (const command of commands) sides.push(await startSide(command));
    const [ours, ...theirs] = await takeTurns(workload, sides, rounds);
    const after = load();
    const plain = theirs.slice(0, 2);
    const autocast = theirs.slice(2);
    checkLosses(ours!, plain);
    const fastest = (of: readonly SideRow[]) => Math.max(...of.map(({ tokensPerSecond }) => tokensPerSecond));
    const leanest = (of: readonly SideRow[]) => Math.min(...of.map(({ peakRssBytes }) => peakRssBytes));
    return {
      case: describeCase(wanted),
      leaves: workload.leaves,
      supervisedPerStep: workload.supervisedPerStep,
      load: { oneMinute: Math.max(before.oneMinute, after.oneMinute), quarterHour: before.quarterHour },
      sides: [ours!, ...theirs],
      speedRatio: rounded(ours!.tokensPerSecond / fastest(plain)),
      memoryRatio: rounded(ours!.peakRssBytes / leanest(plain)),
      speedRatioBf16: rounded(ours!.tokensPerSecond / fastest(autocast)),
      memoryRatioBf16: rounded(ours!.peakRssBytes / leanest(autocast)),
    };
  } finally {
    await Promise.all(sides.map((side) => side.close()));
  }
}

/** The first steps open sessions, fault pages in and grow arenas: not timed. */
const warmUps = 1;

/** Each round every side makes one step, in an order that shifts, so that a slow minute is everybody's. */
async function takeTurns({ case: { rows, tokens } }: Workload, sides: readonly Side[], rounds: number) {
  const times = sides.map(() => [] as number[]);
  const losses = sides.map(() => [] as number[]);
  for (let round = 0; round < warmUps + rounds; round++)
    for (let turn = 0; turn < sides.length; turn++) {
      const at = (turn + round) % sides.length;
      const { ms, loss } = await sides[at]!.step();
      losses[at]!.push(loss);
      if (round >= warmUps) times[at]!.push(ms);
    }
  return Promise.all(
    sides.map(async (side, at): Promise<SideRow> => {
      const medianMs = median(times[at]!);
      return {
        name: side.name,
        stepMs: times[at]!.map((ms) => rounded(ms, 0)),
        medianMs: rounded(medianMs, 0),
        tokensPerSecond: rounded((rows * tokens * 1000) / medianMs, 1),
        peakRssBytes: (await side.peak()).rssBytes,
        losses: losses[at]!.map((loss) => rounded(loss, 5)),
      };
    }),
  );
}

/** Both sides start from B = 0: the first losses are those of the base, or one side does other work than it says. */
function checkLosses(ours: SideRow, theirs: readonly SideRow[]): void {
  for (const { name, losses } of theirs) {
    const [mine, other] = [ours.losses[0]!, losses[0]!];
    if (!(Math.abs(mine - other) <= 1e-3 * other))
      throw new Error(`the first loss is ${mine} here and ${other} in ${name}: not the same work`);
  }
}

function linesOf(row: CaseRow): readonly string[] {
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  return [
    `${row.case}: ${row.leaves} micro-batches a step, ${row.supervisedPerStep} supervised tokens, load ${row.load.oneMinute.toFixed(1)}`,
    ...row.sides.map(
      ({ name, medianMs, stepMs, tokensPerSecond, peakRssBytes }) =>
        `  ${name.padEnd(36)} ${tokensPerSecond.toFixed(1).padStart(6)} tokens/s  ${medianMs} ms a step (${Math.min(...stepMs)} to ${Math.max(...stepMs)})  peak ${gib(peakRssBytes)}`,
    ),
    `  ${row.speedRatio}x the speed and ${row.memoryRatio} of the memory of PEFT f32; ${row.speedRatioBf16}x bf16 autocast`,
  ];
}
