import { join } from 'node:path';
import type { Base } from '../../worker/model/base.js';
import type { BenchEvent } from './events.js';
import { load, median, rounded } from './machine.js';
import { type SideCommand, startSide } from './side.js';
import { type BenchPlaces, espalierSide, peerSide } from './sides.js';
import { createWorkload } from './workload.js';

/** What issue 3 asks for: from the start of the process to the end of the first step in at most half of PEFT's time. */
const target = { startRatio: 0.5 };

export interface StartOptions {
  readonly base: Base;
  readonly places: BenchPlaces;
  readonly folder: string;
  readonly rounds: number;
}

/** How long until a side has made its first step, base and page cache warm for both. */
export async function* benchStart({ base, places, folder, rounds }: StartOptions): AsyncGenerator<BenchEvent> {
  const workload = await createWorkload({ rows: 4, tokens: 64, supervised: 1 }, base, 1, join(folder, 'start'));
  const commands = [
    espalierSide(workload, places),
    peerSide(workload, { attention: 'sdpa', precision: 'float32' }, places),
    peerSide(workload, { attention: 'eager', precision: 'float32' }, places),
  ];
  const before = load();
  const times = commands.map(() => [] as { readyMs: number; firstStepMs: number }[]);
  // One uncounted round: files into the page cache, compiled Python.
  for (let round = 0; round <= rounds; round++)
    for (const [at, command] of commands.entries()) {
      const time = await firstStep(command);
      if (round > 0) times[at]!.push(time);
    }
  const rows = commands.map(({ name }, at) => ({
    name,
    readyMs: rounded(median(times[at]!.map(({ readyMs }) => readyMs)), 0),
    firstStepMs: rounded(median(times[at]!.map(({ firstStepMs }) => firstStepMs)), 0),
    allMs: times[at]!.map(({ firstStepMs }) => rounded(firstStepMs, 0)),
  }));
  const [ours, ...theirs] = rows;
  const startRatio = rounded(ours!.firstStepMs / Math.min(...theirs.map(({ firstStepMs }) => firstStepMs)));
  const met = startRatio <= target.startRatio;
  yield {
    event: 'result',
    fields: { startRatio, target, met, load: before, rows },
    lines: [
      `process start to the end of the first step, B=4 S=64, load ${before.oneMinute.toFixed(1)}`,
      ...rows.map(
        ({ name, readyMs, firstStepMs }) =>
          `  ${name.padEnd(36)} ${(firstStepMs / 1000).toFixed(2)} s (ready after ${(readyMs / 1000).toFixed(2)} s)`,
      ),
      `${startRatio} of PEFT's time (target ${target.startRatio}): ${met ? 'target met' : 'target missed'}`,
    ],
  };
}

async function firstStep(command: SideCommand): Promise<{ readyMs: number; firstStepMs: number }> {
  const startedAt = performance.now();
  const side = await startSide(command);
  try {
    await side.step();
    return { readyMs: side.readyMs, firstStepMs: performance.now() - startedAt };
  } finally {
    await side.close();
  }
}
