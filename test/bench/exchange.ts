import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { launchWorkers } from '../../cli/local/launch.js';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import type { StepEvent } from '../../proto/generated/espalier/v1/StepEvent.js';
import type { Base } from '../../worker/model/base.js';
import { prepareJob } from '../../worker/preflight/prepare.js';
import { writePrepared } from '../../worker/recipe/prepared.js';
import { aJob } from '../support/aJob.js';
import type { BenchEvent } from './events.js';
import { load, median, rounded } from './machine.js';
import type { BenchPlaces } from './sides.js';
import { jobOf, runningText } from './workload.js';

/** Issue 5: the exchange takes less than 5 % of the training time; a checkpoint every 20 steps less than 1 %. */
const target = { exchangeShare: 0.05, checkpointShare: 0.01 };
const rows = 8;
const tokens = 512;
const workers = 2;
const checkpointEvery = 20;

export interface ExchangeOptions {
  readonly base: Base;
  readonly places: BenchPlaces;
  readonly folder: string;
  readonly rounds: number;
}

/**
 * Two worker processes with one engine each, over gRPC, as `espalier run` starts them; M=8 micro-batches of S=512. The
 * share of the exchange is the time in which a worker computes no leaf and the step is not yet committed: waiting for the
 * other's sums, adding, reducing and AdamW. The same run with a checkpoint after every step tells what one costs.
 */
export async function* benchExchange(options: ExchangeOptions): AsyncGenerator<BenchEvent> {
  const { folder, rounds } = options;
  const before = load();
  const plain = await train(options, join(folder, 'plain'), rounds, 1_000_000);
  const saving = await train(options, join(folder, 'saving'), rounds, 1);
  const stepMs = median(plain.map((step) => step.stepMs));
  const exchangeShare = rounded(median(plain.map((step) => step.waitMs / step.stepMs)));
  const checkpointMs = Math.max(0, median(saving.map((step) => step.stepMs)) - stepMs);
  const checkpointShare = rounded(checkpointMs / (checkpointEvery * stepMs), 4);
  const overlap = rounded(median(plain.map((step) => step.hiddenBytes / (step.bytesSent + step.bytesReceived))));
  const bytesPerStep = median(plain.map((step) => step.bytesSent + step.bytesReceived));
  const met = exchangeShare < target.exchangeShare && checkpointShare < target.checkpointShare;
  yield {
    event: 'result',
    fields: {
      exchangeShare,
      checkpointShare,
      target,
      met,
      stepMs: rounded(stepMs, 0),
      checkpointMs: rounded(checkpointMs, 0),
      bytesPerStep,
      overlap,
      load: before,
      rows: { plain: plain.map(short), saving: saving.map(short) },
    },
    lines: [
      `M=${rows} S=${tokens}, ${workers} workers with one engine, load ${before.oneMinute.toFixed(1)}: ${(stepMs / 1000).toFixed(2)} s a step, ${(bytesPerStep / 2 ** 20).toFixed(1)} MiB moved by each worker`,
      `exchange ${percent(exchangeShare)} of the training time (target < ${percent(target.exchangeShare)})`,
      `a checkpoint every ${checkpointEvery} steps ${percent(checkpointShare)} (target < ${percent(target.checkpointShare)}): ${checkpointMs.toFixed(0)} ms each`,
      `${percent(overlap)} of the bytes moved while a leaf was being computed beside`,
      met ? 'targets met' : 'targets missed',
    ],
  };
}

/** Steps as both workers told them, the first one (sessions open, pages fault in) left out. */
async function train(
  { base, places }: ExchangeOptions,
  folder: string,
  rounds: number,
  everySteps: number,
): Promise<readonly StepTimes[]> {
  const told: StepTimes[] = [];
  const controller = new AbortController();
  const file = join(folder, '..', 'moby.jsonl');
  await writeFile(file, `${JSON.stringify({ text: await runningText() })}\n`);
  const untilStep = rounds + 1;
  const prepared = await prepareJob(
    aJob({
      ...jobOf(rows, untilStep),
      base: { source: base.directory },
      data: { train: [{ source: file }], maxTokens: tokens },
      workers: { replicas: workers },
    }),
    {
      workingFolder: folder,
      cacheDirectory: places.cacheDirectory,
      env: {},
      secretOf: () => undefined,
      clock: systemClock,
      log: silentLogger,
      signal: controller.signal,
      onPhase: () => {},
    },
  );
  await writePrepared(join(folder, 'prepared'), prepared.compiled, prepared.record);
  await launchWorkers({
    workers,
    config: {
      recipeHash: prepared.compiled.hash,
      preparedFolder: join(folder, 'prepared'),
      baseFolder: base.directory,
      cacheFolder: places.cacheDirectory,
      engines: 1,
      checkpoint: { store: { url: join(folder, 'checkpoints') }, everySteps, keepLast: 1 },
      output: { store: { url: join(folder, 'published') }, merged: false },
    },
    folder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME },
    clock: systemClock,
    signal: controller.signal,
    onPids: () => {},
    onEvent: (_, { step }) => {
      if (step && step.step > 0) told.push(timesOf(step));
    },
  });
  return told;
}

type StepTimes = Pick<StepEvent, 'step' | 'stepMs' | 'computeMs' | 'waitMs'> & {
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly hiddenBytes: number;
};

const timesOf = ({ step, stepMs, computeMs, waitMs, bytesSent, bytesReceived, hiddenBytes }: StepEvent): StepTimes => ({
  step,
  stepMs,
  computeMs,
  waitMs,
  bytesSent: Number(bytesSent),
  bytesReceived: Number(bytesReceived),
  hiddenBytes: Number(hiddenBytes),
});

const short = ({ step, stepMs, computeMs, waitMs }: StepTimes) => ({
  step,
  stepMs: rounded(stepMs, 0),
  computeMs: rounded(computeMs, 0),
  waitMs: rounded(waitMs, 0),
});

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
