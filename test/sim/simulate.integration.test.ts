import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simOptions } from './options.js';
import { svgPlot, textPlot } from './plot.js';
import { restartEveryone } from './restartEveryone.js';
import { failuresOf, grainOf, type Scenario, usual } from './scenario.js';
import { simulate } from './simulate.js';

const scenario: Scenario = { ...usual, workers: 8, mtbfMs: 300_000, steps: 6, seed: 3, ...grainOf(8) };

test('equal scenarios give equal results, and other seeds other failures', () => {
  const first = simulate(scenario);
  assert.deepEqual(simulate(scenario), first);
  assert.notDeepEqual(simulate({ ...scenario, seed: 4 }).failuresAtSeconds, first.failuresAtSeconds);
});

test('failures cost less than restarting everyone on the same ones, and redo no committed step', () => {
  const espalier = simulate(scenario);
  assert.deepEqual(espalier.problems, []);
  assert.ok(espalier.failuresAtSeconds.length > 0, 'nobody failed');
  const restart = restartEveryone(scenario, espalier.undisturbedStepSeconds * 1000);
  assert.ok(espalier.goodput > restart.goodput!, `${espalier.goodput} against ${restart.goodput}`);
  assert.ok(espalier.redoneStepsMax <= 1, `${espalier.redoneStepsMax} steps redone`);
  const failures = failuresOf(scenario);
  const expected = espalier.failuresAtSeconds.map(() => failures.next().value.atMs / 1000);
  assert.deepEqual(espalier.failuresAtSeconds, expected);
});

test('without failures goodput is lost to the exchange alone', () => {
  const calm = simulate({ ...scenario, mtbfMs: Number.MAX_SAFE_INTEGER, steps: 3 });
  assert.deepEqual(calm.failuresAtSeconds, []);
  assert.ok(calm.goodput > 0.9 && calm.goodput < 1, String(calm.goodput));
});

test('a slow network and lost messages show in the goodput', () => {
  const calm = { ...scenario, mtbfMs: Number.MAX_SAFE_INTEGER, steps: 2 };
  const slow = simulate({ ...calm, bytesPerMs: usual.bytesPerMs / 1000, loss: 0.05, latencyMs: 50 });
  assert.deepEqual(slow.problems, []);
  assert.ok(slow.goodput < simulate(calm).goodput - 0.05);
});

test('options carry units, and wrong ones are named', () => {
  const { scenarios } = simOptions(['--workers', '64', '--mtbf', '90m', '--latency', '3ms', '--gbit', '1']);
  assert.deepEqual(
    scenarios.map(({ workers }) => workers),
    [4, 16, 64],
  );
  const { mtbfMs, latencyMs, bytesPerMs } = scenarios.at(-1)!;
  assert.deepEqual([mtbfMs, latencyMs, bytesPerMs], [5_400_000, 3, 125_000]);
  assert.throws(() => simOptions(['--mtbf', 'often']), /--mtbf takes a number and a unit/);
  assert.throws(() => simOptions(['--workers', '1']), /2 at least/);
});

test('the plots show every point', () => {
  const series = [{ name: 'one', color: '#000', points: [4, 16].map((workers) => ({ workers, goodput: 0.5 })) }];
  assert.deepEqual(textPlot(series), [
    'one',
    `     4 ${'#'.repeat(20)}${'.'.repeat(20)} 50.0 %`,
    `    16 ${'#'.repeat(20)}${'.'.repeat(20)} 50.0 %`,
  ]);
  assert.match(svgPlot(series, 'a caption'), /<polyline[^>]*points="56\.0,152\.0 624\.0,152\.0"/);
});
