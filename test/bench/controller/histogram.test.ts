import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../../controller/metrics.js';
import { countOf, minus, quantile, readHistogram } from './histogram.js';

const pageOf = async (seconds: readonly number[]): Promise<string> => {
  const metrics = createMetrics();
  for (const [index, value] of seconds.entries()) metrics.onReconciled({ seconds: value, failed: index % 2 === 1 });
  return metrics.registry.metrics();
};

test('the histogram of reconciles is read from the metrics page, done and failed together', async () => {
  const histogram = readHistogram(await pageOf([0.002, 0.002, 0.04, 3]), 'espalier_reconcile_duration_seconds');
  assert.equal(countOf(histogram), 4);
  assert.deepEqual([histogram.get(0.001), histogram.get(0.0025), histogram.get(0.05), histogram.get(10)], [0, 2, 3, 4]);
});

test('a quantile lies within its bucket, in proportion', () => {
  const histogram = new Map([
    [0.1, 50],
    [0.2, 100],
    [Number.POSITIVE_INFINITY, 100],
  ]);
  assert.equal(quantile(histogram, 0.5), 0.1);
  assert.equal(quantile(histogram, 0.75), 0.15000000000000002);
  assert.equal(
    quantile(
      new Map([
        [1, 0],
        [Number.POSITIVE_INFINITY, 5],
      ]),
      0.99,
    ),
    1,
  );
  assert.ok(Number.isNaN(quantile(new Map(), 0.99)));
});

test('what was counted before is taken off', () => {
  const of = (first: number, all: number) =>
    new Map([
      [1, first],
      [Number.POSITIVE_INFINITY, all],
    ]);
  assert.deepEqual(minus(of(5, 9), of(2, 4)), of(3, 5));
});
