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

test('at the end of a training who still takes what others computed resumes nothing, if one of those lives to its end', () => {
  const timeline = aTimeline();
  for (const step of [3, 4]) timeline.heard(committed('a', step), 100 * (step + 1));
  // c came late, and b was killed.
  timeline.heard(training('c', 0), 340);
  for (const step of [1, 2, 3, 4]) timeline.heard(committed('c', step, 0), 600 + 10 * step);
  const redone = () => costOf(timeline.sightings, 550, Number.POSITIVE_INFINITY).redoneSteps;
  assert.equal(redone(), 4, 'nothing says that a lives');
  timeline.heard(JSON.stringify({ message: 'done', member: 'c' }), 700);
  assert.equal(redone(), 4, 'c was not among the first');
  timeline.heard(JSON.stringify({ message: 'done', member: 'a' }), 700);
  assert.equal(redone(), 0);
  timeline.heard(training('d', 0), 340);
  for (const step of [2, 3]) timeline.heard(committed('d', step, 1), 600 + 10 * step);
  assert.equal(redone(), 3, 'd has computed step 3 again');
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
