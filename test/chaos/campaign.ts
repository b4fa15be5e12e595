import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FaultKind, faults } from './faults.js';
import { tinyJob } from './tinyJob.js';
import { mountDisk, type PlannedFault, type RunPlan, type RunRecord, trainOnce, unmountDisk } from './trainOnce.js';

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
  readonly kinds: Readonly<Record<string, KindResult>>;
  /** Kinds that could not be inflicted on this machine, and why. */
  readonly notRun: readonly string[];
  readonly seconds: number;
}

export interface KindResult {
  readonly faults: number;
  readonly medianNextCommitMs: number | null;
  readonly maxNextCommitMs: number | null;
  readonly redoneStepsMax: number;
}

export interface CampaignOptions {
  readonly seed: number;
  readonly faults: number;
  /** Instead of kinds by chance: one run for each list. */
  readonly script?: readonly { readonly storage: RunPlan['storage']; readonly kinds: readonly FaultKind[] }[];
  readonly steps?: number;
  readonly onRun: (record: RunRecord) => void;
}

const everySteps = 3;
const leaves = 6;
/** Kinds that need a certain place for checkpoints. */
const storageFor: Readonly<Partial<Record<FaultKind, RunPlan['storage']>>> = { storeAnswers: 's3', fullDisk: 'disk' };

/** Trains one job undisturbed, then again and again with faults, and compares. */
export async function campaign({
  seed,
  faults: wanted,
  script,
  steps = 48,
  onRun,
}: CampaignOptions): Promise<CampaignResult> {
  const startedAtMs = performance.now();
  const root = await mkdtemp(join(tmpdir(), 'espalier-chaos-'));
  const random = seeded(seed);
  try {
    const job = await tinyJob(root, { steps, leaves });
    const mayMount = await canMount(root);
    const train = async (plan: Omit<RunPlan, 'random' | 'everySteps'>) => {
      const record = await trainOnce(job, root, { ...plan, everySteps, random });
      onRun(record);
      return record;
    };
    const calm = await train({ name: 'undisturbed', workers: 1, storage: 'folder', faults: [] });
    const records: RunRecord[] = [];
    const count = () => records.reduce((sum, record) => sum + record.faults.length, 0);
    for (let run = 0; script ? run < script.length : count() < wanted; run++) {
      const { storage, kinds } = script?.[run] ?? chosen(run, random, wanted - count(), mayMount);
      if (storage === 'disk' && !mayMount) continue;
      const placed = kinds.map((kind, place) => placedFault(kind, place, kinds.length, steps, random));
      records.push(await train({ name: `run-${run}`, workers: 2 + Math.floor(random() * 2), storage, faults: placed }));
    }
    const notRun = mayMount ? [] : ['fullDisk: this process may not mount a small file system'];
    return { ...summary(calm, records), everySteps, notRun, seconds: (performance.now() - startedAtMs) / 1000 };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** Storage by turns, kinds by chance among those that the storage allows; killing everybody is rarer. */
function chosen(run: number, random: () => number, left: number, mayMount: boolean) {
  const storage = (['s3', mayMount ? 'disk' : 'folder', 's3', 'folder'] as const)[run % 4]!;
  const kinds = (Object.keys(faults) as FaultKind[]).filter((kind) => (storageFor[kind] ?? storage) === storage);
  const pick = (): FaultKind => {
    const kind = kinds[Math.floor(random() * kinds.length)]!;
    return kind === 'killAll' && random() < 0.5 ? pick() : kind;
  };
  return { storage, kinds: Array.from({ length: Math.min(left, 3 + Math.floor(random() * 4)) }, pick) };
}

function placedFault(kind: FaultKind, place: number, of: number, steps: number, random: () => number): PlannedFault {
  const span = (steps - 6) / of;
  return {
    kind,
    afterStep: Math.floor(1 + place * span + random() * span * 0.5),
    delayMs: Math.floor(random() * 120),
  };
}

function summary(
  calm: RunRecord,
  records: readonly RunRecord[],
): Omit<CampaignResult, 'everySteps' | 'notRun' | 'seconds'> {
  const inflicted = records.flatMap((record) => record.faults);
  const restarts = inflicted.filter(({ kind }) => kind === 'killAll');
  const others = inflicted.filter(({ kind }) => kind !== 'killAll');
  const good = (record: RunRecord) => record.ended === 'finished' && record.sha256 === calm.sha256;
  const kinds = [...new Set(inflicted.map(({ kind }) => kind))].sort();
  const most = (list: typeof inflicted) => list.reduce((high, { redoneSteps }) => Math.max(high, redoneSteps), 0);
  return {
    faults: inflicted.length,
    runs: records.length,
    sameSha256: calm.sha256 !== undefined && records.every(good),
    sha256: calm.sha256,
    redoneStepsMax: most(others),
    checkpointRestarts: restarts.length,
    redoneStepsMaxAfterRestart: most(restarts),
    failedRuns: [calm, ...records]
      .filter((record) => !good(record))
      .map((record) => `${record.name}: ${record.ended}, ${record.sha256}, ${record.errors.join('; ')}`),
    kinds: Object.fromEntries(
      kinds.map((kind) => {
        const of = inflicted.filter((fault) => fault.kind === kind);
        const times = of.flatMap(({ nextCommitMs }) => (nextCommitMs === null ? [] : [Math.round(nextCommitMs)]));
        times.sort((a, b) => a - b);
        const result: KindResult = {
          faults: of.length,
          medianNextCommitMs: times[times.length >> 1] ?? null,
          maxNextCommitMs: times.at(-1) ?? null,
          redoneStepsMax: most(of),
        };
        return [kind, result];
      }),
    ),
  };
}

async function canMount(root: string): Promise<boolean> {
  const disk = await mountDisk(join(root, 'probe'));
  if (disk !== undefined) unmountDisk(disk);
  return disk !== undefined;
}

/** Uniform in [0, 1): a linear congruential generator, so that a seed names a campaign's plan. */
function seeded(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}
