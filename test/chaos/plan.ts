import { seeded } from './chance.js';
import type { FaultName, FaultTraits, Ground, PlannedFault, RunPlan, Storage } from './place.js';

/** Runs of a campaign, all from the seed: what is done does not depend on how fast the machine is. */
export interface CampaignPlan {
  readonly seed: number;
  readonly faults: number;
}

const fewFaults = 5;
/** Steps at the end of a run that no fault comes in, but one that hits the publication. */
const quietSteps = 4;

export function plannedRuns({ seed, faults: wanted }: CampaignPlan, ground: Ground): readonly RunPlan[] {
  const random = seeded(seed);
  const { storages, steps, stepsApart } = ground;
  const decks = new Map([...new Set(storages)].map((storage) => [storage, deckOf(ground, storage, random)]));
  const mostFaults = Math.floor((steps - quietSteps) / stepsApart);
  const runs: RunPlan[] = [];
  for (let left = wanted; left > 0; ) {
    const storage = storages[runs.length % storages.length]!;
    const count = Math.min(left, mostFaults);
    const last = fitting(ground, storage)
      .filter((fault) => ground.faults.of(fault).last)
      .slice(0, 1);
    const names = [...drawn(decks.get(storage)!, count - last.length, ground), ...last];
    runs.push(runOf({ name: `run-${runs.length}`, storage, names, random: seeded(seed * 1000 + runs.length) }, ground));
    left -= names.length;
  }
  return runs;
}

export interface RunDraft {
  readonly name: string;
  readonly storage: Storage;
  readonly names: readonly FaultName[];
  readonly random: () => number;
}

/** Spreads faults over the steps of a run. */
export function runOf({ name, storage, names: given, random }: RunDraft, { faults, steps, workers }: Ground): RunPlan {
  const names = [...given].sort((a, b) => rank(faults.of(a)) - rank(faults.of(b)));
  const span = (steps - quietSteps) / names.length;
  const planned: PlannedFault[] = names.map((fault, place) => ({
    ...fault,
    afterStep: faults.of(fault).last ? steps - 2 * quietSteps : Math.floor(1 + place * span + random() * span * 0.4),
    delayMs: Math.floor(random() * 120),
  }));
  const [least, most] = workers;
  const fewest = Math.max(least, ...names.map((fault) => faults.of(fault).workers ?? least));
  const count = Math.max(fewest, least + Math.floor(random() * (most - least + 1)));
  return { name, storage, workers: count, faults: planned, random };
}

/** What costs several workers comes while each of them may still be lost. */
const rank = ({ first, last, lasting, losses = 0 }: FaultTraits): number =>
  first ? 0 : losses > 1 ? 1 : last ? 4 : lasting ? 3 : 2;

/** Runs for faults that found nothing to hit, few to a run. */
export function runsAgain(
  missed: readonly FaultName[],
  round: number,
  { seed }: CampaignPlan,
  ground: Ground,
): readonly RunPlan[] {
  const { faults } = ground;
  const runs: RunPlan[] = [];
  for (const storage of ['s3', 'disks', 'folder'] as const) {
    const mine = missed.filter((fault) => (faults.of(fault).storage ?? ground.storages.at(-1)) === storage);
    const lasts = mine.filter((fault) => faults.of(fault).last);
    const others = mine.filter((fault) => !faults.of(fault).last);
    const next = {
      draw: (fits: (fault: FaultName) => boolean) => {
        const place = others.findIndex(fits);
        return place < 0 ? undefined : others.splice(place, 1)[0];
      },
    };
    while (lasts.length + others.length > 0) {
      const names = [...drawn(next, fewFaults, ground), ...lasts.splice(0, 1)];
      const random = seeded(seed * 1000 + 100 * (round + 1) + runs.length);
      runs.push(runOf({ name: `again-${round}-${runs.length}`, storage, names, random }, ground));
    }
  }
  return runs;
}

interface Deck {
  draw(fits: (fault: FaultName) => boolean): FaultName | undefined;
}

/** Takes at most so many, and no more than a run's workers can bear. */
function drawn(deck: Deck, count: number, { faults, mostLosses = Number.POSITIVE_INFINITY }: Ground): FaultName[] {
  const names: FaultName[] = [];
  const lossesOf = (fault: FaultName) => faults.of(fault).losses ?? 0;
  let left = mostLosses;
  while (names.length < count) {
    const next = deck.draw((fault) => lossesOf(fault) <= left);
    if (next === undefined) break;
    left -= lossesOf(next);
    names.push(next);
  }
  return names;
}

/** Faults drawn without putting back until all were drawn: a campaign meets each as often as its weight says. */
function deckOf(ground: Ground, storage: Storage, random: () => number): Deck {
  const whole = fitting(ground, storage).filter((fault) => !ground.faults.of(fault).last);
  const cards = whole.flatMap((fault) => Array<FaultName>(ground.faults.of(fault).weight ?? 1).fill(fault));
  let left: FaultName[] = [];
  return {
    draw(fits) {
      if (left.length === 0) left = [...cards];
      const fit = left.filter(fits);
      const card = fit[Math.floor(random() * fit.length)];
      if (card !== undefined) left.splice(left.indexOf(card), 1);
      return card;
    },
  };
}

/** Faults that need this storage come from there alone, the others from everywhere. */
const fitting = ({ faults }: Ground, storage: Storage): readonly FaultName[] =>
  faults.all.filter((fault) => (faults.of(fault).storage ?? storage) === storage);
