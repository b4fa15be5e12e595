import { setTimeout as later } from 'node:timers/promises';
import { type Ending, type FaultName, nameOf, type Place, type RunPlan, type Training } from './place.js';
import { type Cost, costOf } from './timeline.js';

export interface FaultRecord extends FaultName, Cost {
  readonly what: string;
  /** Nobody who held the state was left. */
  readonly allDied: boolean;
}

export interface RunRecord extends Ending, Pick<RunPlan, 'name' | 'workers' | 'storage'> {
  readonly seconds: number;
  readonly launches: number;
  readonly faults: readonly FaultRecord[];
  /** Planned, and nothing was there to hit. */
  readonly missed: readonly FaultName[];
}

/** Trains the job once, with faults; whatever happens, nothing of it is left running. */
export function trainOnce(place: Place, plan: RunPlan): Promise<RunRecord> {
  const startedAtMs = performance.now();
  return place.during(plan, async (training) => {
    const { inflicted, missed } = await live(training, plan, startedAtMs + place.mostMs);
    const left = await training.settle();
    const struckAtMs = (at: number) => inflicted[at]?.struckAtMs ?? Number.POSITIVE_INFINITY;
    return {
      name: plan.name,
      workers: plan.workers,
      storage: plan.storage,
      ended: training.ended ?? `not ended after ${place.mostMs / 1000} s`,
      ...left,
      seconds: (performance.now() - startedAtMs) / 1000,
      launches: training.launches,
      missed,
      faults: inflicted.map(({ struckAtMs: at, highest: _, ...fault }, order) => ({
        ...fault,
        ...costOf(training.timeline.sightings, at, struckAtMs(order + 1)),
      })),
    };
  });
}

interface Struck extends FaultName {
  readonly what: string;
  readonly allDied: boolean;
  readonly struckAtMs: number;
  /** Step that was committed then. */
  readonly highest: number;
}

/**
 * Until the training has ended: each fault at its place, the next one not before somebody has gone on and nobody is behind
 * for the last one: a blow to the only one who has the newest state would be judged for two faults.
 */
async function live(training: Training, plan: RunPlan, untilMs: number) {
  const { timeline } = training;
  const inflicted: Struck[] = [];
  const missed: FaultName[] = [];
  const waiting = [...plan.faults];
  let notBefore = -1;
  while (training.ended === undefined && performance.now() < untilMs) {
    await later(15);
    training.look();
    const next = waiting[0];
    if (next === undefined || timeline.highest < Math.max(next.afterStep, notBefore)) continue;
    if (!training.isReadyFor(next)) continue;
    waiting.shift();
    await later(next.delayMs);
    const done = await inflict(training, next, plan.random);
    if (done === undefined) missed.push(bare(next));
    else {
      inflicted.push(done);
      notBefore = done.highest + 1;
    }
  }
  training.look();
  return { inflicted, missed: [...missed, ...waiting.map(bare)] };
}

const bare = ({ kind, name }: FaultName): FaultName => ({ kind, name });

async function inflict(training: Training, fault: FaultName, random: () => number): Promise<Struck | undefined> {
  const watching = setInterval(() => training.look(), 15);
  let last: Pick<Struck, 'struckAtMs' | 'highest'> | undefined;
  const struck = () => {
    training.look();
    last = { struckAtMs: performance.now(), highest: training.timeline.highest };
  };
  try {
    const done = await training.inflict(fault, { random, struck });
    if (done === undefined) return undefined;
    if (last === undefined) throw new Error(`${nameOf(fault)} does not say when it struck`);
    return { ...bare(fault), what: done.what, allDied: done.allDied ?? false, ...last };
  } finally {
    clearInterval(watching);
  }
}
