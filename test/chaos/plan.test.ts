import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catalogueOf, type FaultCase, type Ground, nameOf } from './place.js';
import { plannedRuns, runsAgain } from './plan.js';

const inflict = async () => undefined;
const table = {
  worker: {
    deleted: { inflict, losses: 1, weight: 4 },
    'two of them': { inflict, losses: 2, weight: 2 },
    'all but one': { inflict, losses: 3, workers: 3 },
  },
  all: { 'until they are made anew': { inflict, first: true }, 'at once': { inflict, losses: 3 } },
  node: { 'cut off': { inflict, lasting: true } },
} satisfies Readonly<Record<string, Readonly<Record<string, FaultCase<object>>>>>;

const ground: Ground = {
  faults: catalogueOf<object>(table),
  storages: ['s3'],
  workers: [3, 4],
  steps: 600,
  stepsApart: 50,
  mostLosses: 9,
};
const lossesOf = (run: { readonly faults: readonly { readonly kind: string; readonly name: string }[] }) =>
  run.faults.reduce((sum, fault) => sum + (ground.faults.of(fault).losses ?? 0), 0);

test('no run costs more workers than its place can make up for, and every case is met', () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const runs = plannedRuns({ seed, faults: 30 }, ground);
    assert.equal(runs.flatMap(({ faults }) => faults).length, 30);
    assert.deepEqual(
      runs.filter((run) => lossesOf(run) > 9 || run.workers < 3 || run.workers > 4),
      [],
    );
    assert.deepEqual(new Set(runs.flatMap(({ faults }) => faults.map(nameOf))), new Set(ground.faults.all.map(nameOf)));
  }
});

test('a run begins with what makes workers anew, then what costs many; what lasts comes at its end', () => {
  for (const { faults } of plannedRuns({ seed: 7, faults: 60 }, ground)) {
    const ranks = faults.map((fault) => {
      const { first, lasting, losses = 0 } = ground.faults.of(fault);
      return first ? 0 : losses > 1 ? 1 : lasting ? 3 : 2;
    });
    assert.deepEqual(ranks, [...ranks].sort());
    const steps = faults.map(({ afterStep }) => afterStep);
    assert.deepEqual(
      steps,
      [...steps].sort((a, b) => a - b),
    );
  }
});

test('what found nothing to hit comes again, within the same bounds', () => {
  const missed = Array.from({ length: 7 }, () => ({ kind: 'worker', name: 'two of them' }));
  const runs = runsAgain(missed, 0, { seed: 1, faults: 7 }, ground);
  assert.deepEqual(
    runs.map(({ name, faults }) => [name, faults.length]),
    [
      ['again-0-0', 4],
      ['again-0-1', 3],
    ],
  );
});

test('one seed, one plan', () => {
  const plan = (seed: number) =>
    plannedRuns({ seed, faults: 20 }, ground).map(({ faults, workers }) => ({ faults, workers }));
  assert.deepEqual(plan(3), plan(3));
  assert.notDeepEqual(plan(3), plan(4));
});
