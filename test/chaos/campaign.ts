import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allFaults, type FaultName } from './faults/faults.js';
import { type CampaignPlan, runsAgain } from './plan.js';
import { tinyJob } from './tinyJob.js';
import { type FaultRecord, type RunPlan, type RunRecord, trainOnce } from './trainOnce.js';

export interface CampaignResult {
  readonly faults: number;
  readonly runs: number;
  readonly sameSha256: boolean;
  readonly sha256: string | undefined;
  /** Most steps computed again after a fault that left a worker with the state. */
  readonly redoneStepsMax: number;
  /** Faults that left none: training went on from a checkpoint. */
  readonly checkpointRestarts: number;
  /** Most steps computed again after one of those; at most `everySteps`. */
  readonly redoneStepsMaxAfterRestart: number;
  readonly everySteps: number;
  readonly failedRuns: readonly string[];
  /** By kind, and by case of it. */
  readonly kinds: Readonly<Record<string, CaseResult>>;
  readonly cases: Readonly<Record<string, CaseResult>>;
  /** Cases that this campaign never met. */
  readonly unmet: readonly string[];
  /** Planned, and in all rounds nothing was there to hit. */
  readonly missed: number;
  readonly seconds: number;
}

export interface CaseResult {
  readonly faults: number;
  readonly medianNextCommitMs: number | null;
  readonly maxNextCommitMs: number | null;
  readonly redoneStepsMax: number;
}

export interface CampaignOptions {
  readonly runs: readonly RunPlan[];
  readonly plan: CampaignPlan;
  /** Trainings at the same time: much of each is waiting. */
  readonly lanes: number;
  readonly logs?: string | undefined;
  readonly onRun: (record: RunRecord) => void;
}

export const everySteps = 3;
const leaves = 6;
/** Rounds of runs for faults that found nothing to hit, as when a training ended too early. */
const mostRounds = 4;

/** Trains one job undisturbed, then again and again with faults, and compares. */
export async function campaign({ runs, plan, lanes, logs, onRun }: CampaignOptions): Promise<CampaignResult> {
  const startedAtMs = performance.now();
  const root = await mkdtemp(join(tmpdir(), 'espalier-chaos-'));
  try {
    const job = await tinyJob(root, { steps: plan.steps, leaves });
    const train = async (run: RunPlan) => {
      const record = await trainOnce(job, { root, everySteps, logs }, run);
      onRun(record);
      return record;
    };
    const calm = await train({ name: 'undisturbed', workers: 1, storage: 'folder', faults: [], random: () => 0 });
    const records: RunRecord[] = [];
    let waiting = [...runs];
    const lane = async () => {
      for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) records.push(await train(run));
    };
    for (let round = 0; waiting.length > 0 && round <= mostRounds; round++) {
      const before = records.length;
      await Promise.all(Array.from({ length: lanes }, lane));
      const missed = records.slice(before).flatMap((record) => record.missed);
      waiting = [...runsAgain(missed, round, plan)];
    }
    return {
      ...summary(calm, records),
      missed: waiting.reduce((sum, run) => sum + run.faults.length, 0),
      seconds: (performance.now() - startedAtMs) / 1000,
    };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Nothing in it may be waived: every adapter the undisturbed one, at most one step redone, `everySteps` after a restart. */
export const isGood = (result: CampaignResult): boolean =>
  result.sameSha256 &&
  result.failedRuns.length === 0 &&
  result.missed === 0 &&
  result.redoneStepsMax <= 1 &&
  result.redoneStepsMaxAfterRestart <= result.everySteps;

const nameOf = ({ kind, name }: FaultName): string => `${kind}: ${name}`;
const mostRedone = (list: readonly FaultRecord[]): number => Math.max(0, ...list.map(({ redoneSteps }) => redoneSteps));

function summary(calm: RunRecord, records: readonly RunRecord[]): Omit<CampaignResult, 'seconds' | 'missed'> {
  const inflicted = records.flatMap((record) => record.faults);
  const restarts = inflicted.filter(({ allDied }) => allDied);
  const good = (record: RunRecord) =>
    record.ended === 'finished' && record.sha256 !== undefined && record.sha256 === calm.sha256;
  const failed = [calm, ...records].filter((record) => !good(record));
  const cases = grouped(inflicted, nameOf);
  return {
    faults: inflicted.length,
    runs: records.length,
    sameSha256: failed.length === 0,
    sha256: calm.sha256,
    redoneStepsMax: mostRedone(inflicted.filter(({ allDied }) => !allDied)),
    checkpointRestarts: restarts.length,
    redoneStepsMaxAfterRestart: mostRedone(restarts),
    everySteps,
    failedRuns: failed.map(({ name, ended, sha256, errors }) => `${name}: ${ended}, ${sha256}, ${errors.join('; ')}`),
    kinds: grouped(inflicted, ({ kind }) => kind),
    cases,
    unmet: allFaults.map(nameOf).filter((name) => !(name in cases)),
  };
}

function grouped(list: readonly FaultRecord[], by: (fault: FaultRecord) => string): Record<string, CaseResult> {
  const names = [...new Set(list.map(by))].sort();
  return Object.fromEntries(names.map((name) => [name, resultOf(list.filter((fault) => by(fault) === name))]));
}

function resultOf(list: readonly FaultRecord[]): CaseResult {
  const times = list.flatMap(({ nextCommitMs }) => (nextCommitMs === null ? [] : [Math.round(nextCommitMs)]));
  times.sort((a, b) => a - b);
  return {
    faults: list.length,
    medianNextCommitMs: times[times.length >> 1] ?? null,
    maxNextCommitMs: times.at(-1) ?? null,
    redoneStepsMax: mostRedone(list),
  };
}
