import { dirname, join } from 'node:path';
import type { StepEvent } from '../../proto/generated/espalier/v1/StepEvent.js';
import type { Base } from '../../worker/model/base.js';
import type { BenchEvent } from './events.js';
import { runFleet } from './fleet.js';
import { load, median, rounded } from './machine.js';
import type { BenchPlaces } from './sides.js';
import { smallJob } from './smallJob.js';

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
  const moved = plain.map((step) => step.bytesSent + step.bytesReceived);
  const bytesPerStep = median(moved);
  // Of all steps together: whoever ends first hides nothing, and what reaches the other meanwhile is hidden.
  const overlap = rounded(total(plain.map((step) => step.hiddenBytes)) / total(moved));
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
  const untilStep = rounds + 1;
  const cacheFolder = places.cacheDirectory;
  // Its data lie beside the folder of one training: the same file for all.
  const prepared = await smallJob({ base, cacheFolder, folder: dirname(folder), rows, tokens, steps: untilStep });
  const onStep = (commit: StepEvent): void => {
    if (commit.step > 0) told.push(timesOf(commit));
  };
  await runFleet({ prepared, workers, folder, cacheFolder, checkpointEverySteps: everySteps, onStep });
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

const total = (numbers: readonly number[]): number => numbers.reduce((sum, each) => sum + each, 0);

const short = ({ step, stepMs, computeMs, waitMs, hiddenBytes }: StepTimes) => ({
  step,
  stepMs: rounded(stepMs, 0),
  computeMs: rounded(computeMs, 0),
  waitMs: rounded(waitMs, 0),
  hiddenBytes,
});

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
