import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costOf, Timeline } from './timeline.js';

const committed = (member: string, step: number, leaves = 1) =>
  JSON.stringify({ message: 'committed', member, step, leaves });
const training = (member: string, from: number) =>
  JSON.stringify({ message: 'training', member, detail: `from step ${from} of 20` });

/** Two workers commit a step each 100 ms, until one of them dies at 350. */
function aTimeline(): Timeline {
  const timeline = new Timeline();
  for (const step of [0, 1, 2])
    for (const member of ['a', 'b']) timeline.heard(committed(member, step), 100 * (step + 1));
  return timeline;
}

test('who lives on goes on with the next step: nothing is done again', () => {
  const timeline = aTimeline();
  timeline.heard(committed('b', 3), 420);
  assert.deepEqual(costOf(timeline.sightings, 350, Number.POSITIVE_INFINITY), {
    highestBefore: 2,
    resumedFrom: 3,
    redoneSteps: 0,
    nextCommitMs: 70,
  });
});

test('when all died, what the next one computes counts from its first step', () => {
  const timeline = aTimeline();
  timeline.heard(training('c', 1), 900);
  for (const step of [1, 2, 3]) timeline.heard(committed('c', step), 1000 + 100 * step);
  assert.deepEqual(costOf(timeline.sightings, 350, Number.POSITIVE_INFINITY), {
    highestBefore: 2,
    resumedFrom: 1,
    redoneSteps: 2,
    nextCommitMs: 950,
  });
});

test('a step that is told late was not done late', () => {
  const timeline = new Timeline();
  // The log of b came again only after the API server was back.
  for (const step of [0, 1, 2, 4]) timeline.heard(committed('a', step), 100 * (step + 1));
  timeline.heard(committed('b', 3), 400);
  assert.deepEqual(costOf(timeline.sightings, 350, Number.POSITIVE_INFINITY).nextCommitMs, 50);
});

test('a line is told once, whoever tells it; what is no line of a log is passed over', () => {
  const timeline = aTimeline();
  const before = timeline.sightings.length;
  timeline.heard(committed('a', 2), 700);
  timeline.heard('{"message":"comm', 700);
  assert.equal(timeline.sightings.length, before);
  assert.equal(timeline.highest, 2);
});
