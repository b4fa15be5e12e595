import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BenchEvent } from './events.js';
import type { ExchangeOptions } from './exchange.js';
import { runFleet } from './fleet.js';
import { rounded } from './machine.js';
import { smallJob } from './smallJob.js';

/** Issue 5: an extra worker takes its private memory and at most this share of it more; the base is shared. */
const target = { share: 1.05 };
const rows = 8;
const tokens = 128;
const steps = 5;

interface Memory {
  readonly workers: number;
  /** Pages shared by n processes count 1/n in each: the sum is what all of them take. */
  readonly pssBytes: number;
  /** Mean over the workers of pages that nobody else maps. */
  readonly privateBytes: number;
}

/** (PSS of four workers - PSS of one) / 3 beside the private memory of one of the four, both at the peak while training. */
export async function* benchMemory(options: ExchangeOptions): AsyncGenerator<BenchEvent> {
  const one = await peakOf(1, options);
  yield row(one);
  const four = await peakOf(4, options);
  yield row(four);
  const extraBytes = (four.pssBytes - one.pssBytes) / 3;
  const limitBytes = four.privateBytes * target.share;
  const met = extraBytes <= limitBytes;
  yield {
    event: 'result',
    fields: {
      extraBytesPerWorker: Math.round(extraBytes),
      privateBytesOfOne: Math.round(four.privateBytes),
      ratio: rounded(extraBytes / four.privateBytes),
      ...{ target, met, rows: [one, four] },
    },
    lines: [
      `M=${rows} S=${tokens}, one engine a worker: an extra worker takes ${mebibytes(extraBytes)}, the private memory of one is ${mebibytes(four.privateBytes)}`,
      `ratio ${(extraBytes / four.privateBytes).toFixed(3)} (target <= ${target.share}): ${met ? 'target met' : 'target missed'}`,
    ],
  };
}

async function peakOf(workers: number, { base, places, folder }: ExchangeOptions): Promise<Memory> {
  const place = join(folder, `memory-${workers}`);
  await mkdir(place, { recursive: true });
  const cacheFolder = places.cacheDirectory;
  const prepared = await smallJob({ base, cacheFolder, folder: place, rows, tokens, steps });
  const looking: Promise<Memory | undefined>[] = [];
  await runFleet({
    prepared,
    workers,
    folder: place,
    cacheFolder,
    onStep: ({ step }, fleet) => {
      // All of them have their sessions open and their arenas grown after the first step.
      if (step > 0) looking.push(look(fleet.pids()));
      if (step >= steps - 1) fleet.stop();
    },
  });
  return (await Promise.all(looking)).reduce<Memory>(higher, { workers, pssBytes: 0, privateBytes: 0 });

  async function look(running: Promise<readonly number[]>): Promise<Memory | undefined> {
    const all = await Promise.all((await running).map(rollup));
    const known = all.filter((memory) => memory !== undefined);
    if (known.length < workers) return undefined;
    const sum = (of: (memory: Rollup) => number) => known.reduce((total, memory) => total + of(memory), 0);
    const privateBytes = sum((memory) => memory.privateBytes) / workers;
    return { workers, pssBytes: sum((memory) => memory.pssBytes), privateBytes };
  }
}

const higher = (a: Memory, b: Memory | undefined): Memory => (b !== undefined && b.pssBytes > a.pssBytes ? b : a);

interface Rollup {
  readonly pssBytes: number;
  readonly privateBytes: number;
}

/** Undefined when the process is gone. */
async function rollup(pid: number): Promise<Rollup | undefined> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const bytes = (field: string): number => 1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]);
  if (!text.includes('Pss:')) return undefined;
  return { pssBytes: bytes('Pss'), privateBytes: bytes('Private_Clean') + bytes('Private_Dirty') };
}

const row = (memory: Memory): BenchEvent => ({
  event: 'row',
  fields: { ...memory },
  lines: [
    `${memory.workers} workers: PSS ${mebibytes(memory.pssBytes)} together, ${mebibytes(memory.privateBytes)} private to one`,
  ],
});

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
