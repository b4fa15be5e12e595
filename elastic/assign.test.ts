import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advanceAll } from './advance.js';
import { pickLeaf } from './assign.js';
import type { ExchangeEvent } from './event.js';
import { createRules, defaultTiming } from './rules.js';
import { type ExchangeState, initialState } from './state.js';
import type { Status } from './status.js';

const rules = createRules({
  steps: 2,
  shards: 1,
  leavesOf: () => [0, 1, 2, 3].map((index) => ({ index, cost: 1 })),
  timing: defaultTiming,
  assignment: 'bySpeed',
});
const members = ['a', 'b', 'c'].map((id) => ({ id, address: id, joined: true }));
const says = (from: string, what: Partial<Status>): ExchangeEvent => ({
  ...{ kind: 'status', from },
  status: {
    ...{ sequence: 1, view: 1, step: 0, retains: 0, leaving: false, finished: false, spared: false, parallel: 1 },
    ...{ rate: 1, running: [], done: [], reducing: [], missing: [], reduced: [] },
    ...what,
  },
});

/** How things look to a, whose one engine is free: all leaves are c's to do first, and c is slow. */
function seen(b: Partial<Status>, c: Partial<Status>, nowMs = 0): ExchangeState {
  const before = initialState({ rules, self: 'a', parallel: 1, step: 0, nowMs: 0 });
  const { state } = advanceAll({ ...before, rate: 0.001 }, [
    { kind: 'target', untilStep: 2 },
    { kind: 'view', view: { number: 1, members } },
    says('b', b),
    says('c', { rate: 0.0001, ...c }),
  ]);
  return { ...state, running: [], home: { members: ['a', 'b', 'c'], memberAt: [2, 2, 2, 2] }, nowMs };
}

test('who has no leaf of its own left takes the last one of the slowest, and two at once take two', () => {
  assert.equal(pickLeaf(seen({ rate: 0.0005, running: [3] }, { running: [0] })), 2);
  assert.equal(pickLeaf(seen({ rate: 0.002 }, { running: [0] })), 2, 'b is faster and takes leaf 3');
  assert.equal(pickLeaf(seen({ rate: 0.0005 }, { running: [0] })), 3, 'b is slower and takes what we leave');
});

test('of those who could help with a leaf that takes too long the fastest does', () => {
  const late = { running: [3], done: [0, 1, 2] };
  assert.equal(pickLeaf(seen({ rate: 0.0005 }, late)), 3);
  assert.equal(pickLeaf(seen({ rate: 0.002 }, late)), undefined, 'b is faster and free');
  assert.equal(
    pickLeaf(seen({ rate: 0.002, done: [3] }, { ...late, done: [0, 1, 2] })),
    3,
    'b has done it, and no owner got it',
  );
});

test('a leaf that will be there before we could have it is left alone', () => {
  const late = { running: [3], done: [0, 1, 2] };
  assert.equal(pickLeaf(seen({ rate: 0.0005 }, { ...late, rate: 1 / 3000 }, 2500)), undefined);
});
