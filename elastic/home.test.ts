import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { homeOf, shareOut } from './home.js';
import { createRules, defaultTiming } from './rules.js';
import { initialState } from './state.js';

test('no other way to part the row would end earlier', () => {
  const value = fc.double({ min: 0.05, max: 2, noNaN: true });
  const row = fc.array(value, { minLength: 1, maxLength: 7 });
  fc.assert(
    fc.property(row, fc.array(value, { minLength: 1, maxLength: 4 }), (costs, speeds) => {
      const ends = shareOut(costs, speeds);
      assert.equal(ends.length, speeds.length);
      assert.equal(ends.at(-1), costs.length);
      for (const other of allEnds(costs.length, speeds.length))
        assert.ok(
          lastsUntil(ends, costs, speeds) <= lastsUntil(other, costs, speeds) * (1 + 2e-6),
          `${ends}: ${other}`,
        );
    }),
  );
});

test('members that differ by a hair get one leaf each, not two and none', () => {
  assert.deepEqual(shareOut([1, 1, 1, 1], [0.9, 1.1, 1.05, 0.95]), [1, 2, 3, 4]);
});

test('whatever ends as early is as near to the shares as can be', () => {
  const ones = Array.from({ length: 16 }, () => 1);
  assert.deepEqual(shareOut(ones, [1, 1, 1, 0.25]), [5, 10, 15, 16]);
  assert.deepEqual(shareOut(ones.slice(0, 6), [1, 1, 1, 1]), [2, 3, 5, 6]);
});

test('homes are in order of id, and unequal leaves go by their cost', () => {
  const rules = createRules({
    ...{ steps: 1, shards: 1, timing: defaultTiming, assignment: 'bySpeed' },
    leavesOf: () => [4, 1, 1, 1, 1].map((cost, index) => ({ index, cost })),
  });
  const state = initialState({ rules, self: 'a', parallel: 1, step: 0, nowMs: 0 });
  assert.deepEqual(homeOf({ ...state, computing: ['b', 'a'] }), { members: ['a', 'b'], memberAt: [0, 1, 1, 1, 1] });
});

const lastsUntil = (ends: readonly number[], costs: readonly number[], speeds: readonly number[]): number =>
  Math.max(
    ...ends.map((end, i) => {
      const run = costs.slice(i === 0 ? 0 : ends[i - 1], end);
      return run.reduce((sum, cost) => sum + cost, 0) / speeds[i]!;
    }),
  );

function* allEnds(leaves: number, members: number, from = 0): Generator<number[]> {
  if (members === 1) yield [leaves];
  else
    for (let end = from; end <= leaves; end++)
      for (const rest of allEnds(leaves, members - 1, end)) yield [end, ...rest];
}
