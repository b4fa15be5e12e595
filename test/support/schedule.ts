import assert from 'node:assert/strict';
import fc from 'fast-check';
import { World } from './world.js';

const faultKinds = ['crash', 'pause', 'slow', 'cut', 'cutOneWay', 'lossy', 'join', 'leave', 'oracleDown'] as const;

export const schedule = fc.record({
  seed: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  workers: fc.integer({ min: 1, max: 5 }),
  leaves: fc.integer({ min: 1, max: 11 }),
  absent: fc.array(fc.nat(10), { maxLength: 3 }),
  shards: fc.integer({ min: 1, max: 5 }),
  engines: fc.integer({ min: 1, max: 2 }),
  duplicateRate: fc.constantFrom(0, 0, 0.3),
  jitterMs: fc.constantFrom(0, 5, 120),
  faults: fc.array(
    fc.record({
      atMs: fc.integer({ min: 0, max: 4000 }),
      kind: fc.constantFrom(...faultKinds),
      who: fc.nat(6),
      other: fc.nat(6),
      forMs: fc.integer({ min: 100, max: 6000 }),
    }),
    { maxLength: 6 },
  ),
});
export type Schedule = typeof schedule extends fc.Arbitrary<infer S> ? S : never;

const steps = 6;

export function play(plan: Schedule, trace?: (line: string) => void): World {
  let seed = plan.seed;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return (seed >>> 8) / 2 ** 24;
  };
  const leavesAt = (step: number) => {
    const all = Array.from({ length: plan.leaves }, (_, index) => ({ index, cost: 10 + ((index + step) % 3) }));
    const present = all.filter(({ index }) => !plan.absent.includes(index));
    return present.length > 0 ? present : all.slice(0, 1);
  };
  const leaves = Array.from({ length: steps }, (_, step) => leavesAt(step));
  const leavesOf = (step: number) => leaves[step]!;
  const world = new World({ ...plan, steps, leavesOf, random, ...(trace && { trace }) });
  world.duplicateRate = plan.duplicateRate;
  world.jitterMs = plan.jitterMs;
  for (const fault of plan.faults) world.after(fault.atMs, () => inflict(world, fault));
  world.run(150_000);
  return world;
}

function inflict(world: World, { kind, who, other, forMs }: Schedule['faults'][number]): void {
  // The first worker never dies: while one lives with the state, nothing is lost.
  const ids = [...world.workers.keys()];
  const [a, b] = [ids[who % ids.length]!, ids[other % ids.length]!];
  const mortal = a !== 'a' && world.workers.get(a)!.life === 'running';
  if (kind === 'crash' && mortal) world.crash(a);
  if (kind === 'leave' && mortal) world.leave(a);
  if (kind === 'pause') world.pause(a, forMs);
  if (kind === 'slow') world.workers.get(a)!.slowness = 8;
  if (kind === 'join' && world.oracleUp) world.join();
  if (kind === 'cutOneWay' || kind === 'cut') world.block(a, b, forMs);
  if (kind === 'cut') world.block(b, a, forMs);
  if (kind === 'lossy') {
    world.lossRate = 0.3;
    world.after(forMs, () => {
      world.lossRate = 0;
    });
  }
  if (kind === 'oracleDown') {
    world.oracleUp = false;
    world.after(forMs, () => {
      world.oracleUp = true;
    });
  }
}

export const verdict = (world: World) => ({
  problems: world.problems,
  unfinished: [...world.workers.values()]
    .filter(({ life, state }) => life !== 'crashed' && life !== 'ended' && state.step < world.rules.steps)
    .map(({ id, life, state }) => `${id} ${life} at step ${state.step}`),
});

/** Faults that everybody concerned can see: a process ends or is late, but no connection is broken in one direction. */
const visible: readonly string[] = ['crash', 'slow', 'join', 'leave', 'pause'];

export function checkSchedules({ runs, faults }: { runs: number; faults: 'all' | 'visible' }): void {
  const plans = schedule.map((plan) =>
    faults === 'all' ? plan : { ...plan, faults: plan.faults.filter(({ kind }) => visible.includes(kind)) },
  );
  const property = fc.property(plans, (plan) => {
    const world = play(plan);
    // A failing plan becomes a transcript: the line goes into elastic/testdata/<name>.txt, UPDATE=1 writes what follows.
    const stalls = faults === 'visible' ? world.stalls : 0;
    const found = { ...verdict(world), stalls };
    const transcript = `schedule ${JSON.stringify(plan)}`;
    assert.deepEqual(found, { problems: [], unfinished: [], stalls: 0 }, `${JSON.stringify(found)}\n${transcript}`);
  });
  fc.assert(property, { numRuns: runs });
}
