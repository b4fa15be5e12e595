import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pi } from './math.js';
import { learningRates } from './schedule.js';

test('pi is the double nearest to pi', () => assert.equal(pi, Math.PI));

test('a linear schedule climbs over the warm-up and falls to 0 after the last step', () => {
  assert.deepEqual(learningRates(0.1, { type: 'linear', warmupSteps: 2 }, 6), [0, 0.05, 0.1, 0.1 * 0.75, 0.05, 0.025]);
});

test('a constant schedule stays', () => {
  assert.deepEqual(learningRates(1, { type: 'constant', warmupSteps: 0 }, 3), [1, 1, 1]);
});

test('a cosine schedule is half way down in the middle', () => {
  const rates = learningRates(2, { type: 'cosine', warmupSteps: 0 }, 4);
  assert.equal(rates[0], 2);
  assert.equal(rates[2], 1);
});

test('a warm-up longer than the job never ends', () => {
  assert.deepEqual(learningRates(1, { type: 'linear', warmupSteps: 4 }, 2), [0, 0.25]);
});
