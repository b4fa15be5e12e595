import { type Ending, nameOf, type Place, type RunPlan } from './place.js';
import { type CampaignPlan, runsAgain } from './plan.js';
import { type FaultRecord, type RunRecord, trainOnce } from './trainOnce.js';

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
  /** Cases that cannot be met at this place, each with the reason. */
  readonly leftOut: readonly string[];
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
  readonly place: Place;
  readonly runs: readonly RunPlan[];
  readonly plan: CampaignPlan;
  /** Trainings at the same time: much of each is waiting. */
  readonly lanes: number;
  readonly onRun: (record: RunRecord) => void;
}

/** Rounds of runs for faults that found nothing to hit, as when a training ended too early. */
const mostRounds = 4;

/** Trains one job undisturbed, then again and again with faults, and compares. */
export async function campaign({ place, runs, plan, lanes, onRun }: CampaignOptions): Promise<CampaignResult> {
  const startedAtMs = performance.now();
  const secondsSince = (ms: number) => (performance.now() - ms) / 1000;
  const calm = await place.undisturbed();
  onRun({ ...calmRun, ...calm, seconds: secondsSince(startedAtMs) });
  const records: RunRecord[] = [];
  let waiting = [...runs];
  const lane = async () => {
    for (let run = waiting.shift(); run !== undefined; run = waiting.shift()) {
      const record = await trainOnce(place, run);
      onRun(record);
      records.push(record);
    }
  };
  for (let round = 0; waiting.length > 0 && round <= mostRounds; round++) {
    const before = records.length;
    await Promise.all(Array.from({ length: lanes }, lane));
    const missed = records.slice(before).flatMap((record) => record.missed);
    waiting = [...runsAgain(missed, round, plan, place)];
  }
  return {
    ...summary(place, calm, records),
    missed: waiting.reduce((sum, run) => sum + run.faults.length, 0),
    seconds: secondsSince(startedAtMs),
  };
}

const calmRun = { name: 'undisturbed', workers: 1, storage: 'folder', launches: 1, faults: [], missed: [] } as const;

/** Nothing in it may be waived: every adapter the undisturbed one, at most one step redone, `everySteps` after a restart. */
export const isGood = (result: CampaignResult): boolean =>
  result.sameSha256 &&
  result.failedRuns.length === 0 &&
  result.missed === 0 &&
  result.redoneStepsMax <= 1 &&
  result.redoneStepsMaxAfterRestart <= result.everySteps;

const mostRedone = (list: readonly FaultRecord[]): number => Math.max(0, ...list.map(({ redoneSteps }) => redoneSteps));

function summary(
  { everySteps, faults, leftOut }: Place,
  calm: Ending,
  records: readonly RunRecord[],
): Omit<CampaignResult, 'seconds' | 'missed'> {
  const inflicted = records.flatMap((record) => record.faults);
  const restarts = inflicted.filter(({ allDied }) => allDied);
  const isGoodEnd = ({ ended, sha256, amiss }: Ending) =>
    ended === 'finished' && amiss.length === 0 && sha256 !== undefined && sha256 === calm.sha256;
  const failed = [{ ...calmRun, ...calm }, ...records].filter((record) => !isGoodEnd(record));
  const cases = grouped(inflicted, nameOf);
  return {
    faults: inflicted.length,
    runs: records.length,
    sameSha256: [calm, ...records].every(({ sha256 }) => sha256 !== undefined && sha256 === calm.sha256),
    sha256: calm.sha256,
    redoneStepsMax: mostRedone(inflicted.filter(({ allDied }) => !allDied)),
    checkpointRestarts: restarts.length,
    redoneStepsMaxAfterRestart: mostRedone(restarts),
    everySteps,
    failedRuns: failed.map(
      ({ name, ended, sha256, amiss, errors }) => `${name}: ${ended}, ${sha256}, ${[...amiss, ...errors].join('; ')}`,
    ),
    kinds: grouped(inflicted, ({ kind }) => kind),
    cases,
    unmet: faults.all.map(nameOf).filter((name) => !(name in cases)),
    leftOut,
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
