import type { Storage } from './faults/fault.js';
import { allFaults, type FaultName, faultCase } from './faults/faults.js';
import type { PlannedFault, RunPlan } from './trainOnce.js';

/** Runs of a campaign, all from the seed: what is done does not depend on how fast the machine is. */
export interface CampaignPlan {
  readonly seed: number;
  readonly faults: number;
  /** Steps of the job. */
  readonly steps: number;
}

/** At least so many steps lie between two faults. */
const stepsApart = 4;
const fewFaults = 5;

export function plannedRuns({ seed, faults: wanted, steps }: CampaignPlan): readonly RunPlan[] {
  const random = seeded(seed);
  const decks = { folder: deckOf('folder', random), disks: deckOf('disks', random), s3: deckOf('s3', random) };
  const lasts = { folder: lastsOf('folder'), disks: lastsOf('disks'), s3: lastsOf('s3') };
  const mostFaults = Math.floor((steps - 4) / stepsApart);
  const runs: RunPlan[] = [];
  for (let left = wanted; left > 0; ) {
    const storage = (['s3', 'disks', 's3', 'folder'] as const)[runs.length % 4]!;
    const count = Math.min(left, mostFaults);
    const last = lasts[storage].slice(0, 1);
    const names = [...Array.from({ length: count - last.length }, () => decks[storage].draw()), ...last];
    runs.push(runOf({ name: `run-${runs.length}`, storage, names, steps, random: seeded(seed * 1000 + runs.length) }));
    left -= names.length;
  }
  return runs;
}

export interface RunDraft {
  readonly name: string;
  readonly storage: Storage;
  readonly names: readonly FaultName[];
  readonly steps: number;
  readonly random: () => number;
}

/** Spreads faults over the steps of a run. */
export function runOf({ name, storage, names: drawn, steps, random }: RunDraft): RunPlan {
  const rank = (fault: FaultName) => (faultCase(fault).last ? 2 : faultCase(fault).lasting ? 1 : 0);
  const names = [...drawn].sort((a, b) => rank(a) - rank(b));
  const span = (steps - 4) / names.length;
  const faults: PlannedFault[] = names.map((fault, place) => ({
    ...fault,
    afterStep: faultCase(fault).last ? steps - 3 : Math.floor(1 + place * span + random() * span * 0.4),
    delayMs: Math.floor(random() * 120),
  }));
  const fewest = Math.max(2, ...names.map((fault) => faultCase(fault).workers ?? 2));
  return { name, storage, workers: Math.max(fewest, 2 + Math.floor(random() * 2)), faults, random };
}

/** Runs for faults that found nothing to hit, few to a run. */
export function runsAgain(
  missed: readonly FaultName[],
  round: number,
  { seed, steps }: CampaignPlan,
): readonly RunPlan[] {
  const runs: RunPlan[] = [];
  for (const storage of ['s3', 'disks', 'folder'] as const) {
    const mine = missed.filter((fault) => (faultCase(fault).storage ?? 'folder') === storage);
    const lasts = mine.filter((fault) => faultCase(fault).last);
    const others = mine.filter((fault) => !faultCase(fault).last);
    while (lasts.length + others.length > 0) {
      const names = [...others.splice(0, fewFaults), ...lasts.splice(0, 1)];
      const random = seeded(seed * 1000 + 100 * (round + 1) + runs.length);
      runs.push(runOf({ name: `again-${round}-${runs.length}`, storage, names, steps, random }));
    }
  }
  return runs;
}

/** Faults drawn without putting back until all were drawn: a campaign meets each as often as its weight says. */
function deckOf(storage: Storage, random: () => number) {
  const whole = fitting(storage).filter((fault) => !faultCase(fault).last);
  const cards = whole.flatMap((fault) => Array<FaultName>(faultCase(fault).weight ?? 1).fill(fault));
  let left: FaultName[] = [];
  return {
    draw(): FaultName {
      if (left.length === 0) left = [...cards];
      return left.splice(Math.floor(random() * left.length), 1)[0]!;
    },
  };
}

/** Faults that need this storage come from there alone, the others from everywhere. */
const fitting = (storage: Storage): readonly FaultName[] =>
  allFaults.filter((fault) => (faultCase(fault).storage ?? storage) === storage);

const lastsOf = (storage: Storage): readonly FaultName[] => fitting(storage).filter((fault) => faultCase(fault).last);

/** Uniform in [0, 1): a linear congruential generator, so that a seed names a campaign's plan. */
export function seeded(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1);
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 24;
  };
}
