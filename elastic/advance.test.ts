import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptance, advance, advanceAll } from './advance.js';
import type { Effect } from './effect.js';
import type { ExchangeEvent } from './event.js';
import { createRules, defaultTiming } from './rules.js';
import { type ExchangeState, initialState } from './state.js';
import type { Status } from './status.js';
import { waitingFor } from './tell.js';
import type { View } from './view.js';

const rules = createRules({
  steps: 4,
  shards: 2,
  leavesOf: () => [0, 1, 2, 3].map((index) => ({ index, cost: 1 })),
  timing: defaultTiming,
  assignment: 'bySpeed',
});
const viewOf = (number: number, ...ids: string[]): View => ({
  number,
  members: ids.map((id) => ({ id, address: id, joined: true })),
});

function after(...events: ExchangeEvent[]): { state: ExchangeState; effects: Effect[] } {
  let state = initialState({ rules, self: 'a', parallel: 1, step: 0, nowMs: 0 });
  const effects: Effect[] = [];
  for (const event of [{ kind: 'target', untilStep: 4 } as const, ...events]) {
    const turn = advance(state, event);
    state = turn.state;
    effects.push(...turn.effects);
  }
  return { state, effects };
}
const faults = (effects: readonly Effect[]) =>
  effects.flatMap((effect) => (effect.kind === 'fault' ? [effect.fault] : []));

test('a view with a lower number is old news, one with a higher number counts', () => {
  const { state } = after({ kind: 'view', view: viewOf(3, 'a', 'b') }, { kind: 'view', view: viewOf(2, 'a') });
  assert.equal(state.view?.number, 3);
  assert.equal(advance(state, { kind: 'view', view: viewOf(4, 'a') }).state.view?.number, 4);
});

test('unlike members under one number are a fault, equal ones are not', () => {
  const seen = { kind: 'view', view: viewOf(3, 'a', 'b') } as const;
  assert.deepEqual(faults(after(seen, seen).effects), []);
  assert.deepEqual(faults(after(seen, { kind: 'view', view: viewOf(3, 'a', 'c') }).effects), [
    { name: 'ViewConflict', facts: { view: 3, here: 'a, b', there: 'a, c' } },
  ]);
});

test('a node below a held one is refused, an arriving ancestor drops what is below it, siblings merge', () => {
  const piece = (node: number) =>
    ({ kind: 'received', from: 'b', key: { step: 0, shard: 0, node }, hash: 'h' }) as const;
  const view = { kind: 'view', view: viewOf(1, 'a') } as const;
  // Leaf 2, then [2,4) (node 5) over it.
  const { state, effects } = after(view, piece(4), piece(5));
  assert.deepEqual(
    effects.filter(({ kind }) => kind === 'drop'),
    [{ kind: 'drop', key: { step: 0, shard: 0, node: 4 } }],
  );
  assert.equal(acceptance(state, { step: 0, shard: 0, node: 6 }), 'covered');
  assert.equal(acceptance(state, { step: 0, shard: 1, node: 6 }), 'taken');
  const merged = advance(state, piece(1));
  assert.deepEqual(
    merged.effects.filter(({ kind }) => kind === 'add'),
    [{ kind: 'add', step: 0, shard: 0, left: 1, right: 5, into: 3 }],
  );
});

test('pieces of committed steps are late, of far steps early, of the next step welcome', () => {
  const { state } = after({ kind: 'view', view: viewOf(1, 'a') }, { kind: 'applied', step: 0 });
  const at = (step: number, node: number) => acceptance(state, { step, shard: 0, node });
  assert.deepEqual(
    [at(0, 0), at(1, 0), at(2, 0), at(3, 0), at(3, 3), at(4, 3)],
    ['late', 'taken', 'taken', 'early', 'taken', 'early'],
  );
});

test('a second copy with other bytes is a fault that names the peer', () => {
  const copy = (from: string, hash: string) =>
    ({ kind: 'received', from, key: { step: 0, shard: 0, node: 4 }, hash }) as const;
  const view = { kind: 'view', view: viewOf(1, 'a', 'b', 'c') } as const;
  assert.deepEqual(faults(after(view, copy('b', 'x'), copy('c', 'x')).effects), []);
  assert.deepEqual(faults(after(view, copy('b', 'x'), copy('c', 'y')).effects), [
    { name: 'NumericsDiverged', facts: { step: 0, node: 4, peer: 'c' } },
  ]);
});

test('an own leaf that a peer has sent already is compared with what the peer sent', () => {
  const view = { kind: 'view', view: viewOf(1, 'a') } as const;
  const received = { kind: 'received', from: 'b', key: { step: 0, shard: 0, node: 0 }, hash: 'x' } as const;
  const { state, effects } = after(view, received, { kind: 'computed', step: 0, leaf: 0, elapsedMs: 5 });
  assert.deepEqual(
    effects.filter(({ kind }) => kind === 'compare'),
    [{ kind: 'compare', from: 'b', key: received.key, hash: 'x' }],
  );
  assert.deepEqual(faults(advance(state, { kind: 'diverged', from: 'b', key: received.key }).effects), [
    { name: 'NumericsDiverged', facts: { step: 0, node: 0, peer: 'b' } },
  ]);
});

test('waiting is data: what is missing, and whose it is', () => {
  assert.deepEqual(waitingFor(after().state), { code: 'ViewMissing' });
  const alone = after({ kind: 'view', view: viewOf(1, 'a') });
  assert.deepEqual(waitingFor(alone.state), { code: 'LeavesMissing', leaves: [0, 1, 2, 3] });
});

test('who is asked to leave while a step is being applied leaves after it', () => {
  const root = (shard: number) =>
    ({ kind: 'received', from: 'b', key: { step: 0, shard, node: 3 }, hash: 'h' }) as const;
  const view = { kind: 'view', view: viewOf(1, 'a') } as const;
  const { state, effects } = after(view, root(0), root(1), { kind: 'leave' });
  const kinds = effects.map(({ kind }) => kind);
  assert.deepEqual([kinds.includes('apply'), kinds.includes('left')], [true, false]);
  assert.deepEqual(
    advance(state, { kind: 'applied', step: 0 })
      .effects.map(({ kind }) => kind)
      .includes('left'),
    true,
  );
});

test('however many events one turn takes, the state before it stays as it was', () => {
  const { state } = after({ kind: 'view', view: viewOf(1, 'a', 'b', 'c') });
  const before = structuredClone({ peers: state.peers, pieces: state.pieces, running: state.running });
  const status = (sequence: number): Status => ({
    ...{ sequence, view: 1, step: 0, retains: 0, leaving: false, finished: false, spared: false, parallel: 1, rate: 1 },
    ...{ running: [3], done: [], reducing: [1], missing: [0, 1, 2, 3], reduced: [] },
  });
  const told = ['b', 'c'].map((from) => ({ kind: 'status', from, status: status(1) }) as const);
  const received = { kind: 'received', from: 'b', key: { step: 0, shard: 0, node: 4 }, hash: 'h' } as const;
  const computed = { kind: 'computed', step: 0, leaf: 0, elapsedMs: 5 } as const;
  const together = advanceAll(state, [...told, received, computed]);
  assert.deepEqual({ peers: state.peers, pieces: state.pieces, running: state.running }, before);
  assert.equal(together.state.peers.get('c')?.status?.sequence, 1);
});

test('fixed shares: equal parts whatever the speeds, and nothing is taken from the slow', () => {
  const view = viewOf(1, 'a', 'b');
  const fixed = { ...rules, assignment: 'fixed' } as const;
  let state = initialState({ rules: fixed, self: 'a', parallel: 4, step: 0, nowMs: 0 });
  const computed: number[] = [];
  const linked = [{ kind: 'linkUp', peer: 'b' }] as const;
  for (const event of [{ kind: 'target', untilStep: 4 }, { kind: 'view', view }, ...linked] as const) {
    const turn = advance(state, event);
    state = turn.state;
    computed.push(...turn.effects.flatMap((effect) => (effect.kind === 'compute' ? [effect.leaf] : [])));
  }
  assert.deepEqual(computed, [0, 1]);
});

test('time in which others compute is no waiting in vain: their sums have to come together first', () => {
  const status = (sequence: number, running: readonly number[]): ExchangeEvent => ({
    ...{ kind: 'status', from: 'b' },
    status: {
      ...{ sequence, view: 1, step: 0, retains: 0, leaving: false, finished: false, spared: false, parallel: 1 },
      ...{ rate: 1e-6, running, done: [0, 1, 2, 3].filter((leaf) => !running.includes(leaf)) },
      ...{ reducing: [0, 1], missing: [], reduced: [] },
    },
  });
  let { state } = after({ kind: 'view', view: viewOf(1, 'a', 'b') }, { kind: 'linkUp', peer: 'b' });
  state = { ...state, running: [] };
  const stalledAt: number[] = [];
  for (let second = 1; second <= 40; second++) {
    const tick = { kind: 'tick', nowMs: second * 1000 } as const;
    state = advanceAll(state, [tick, status(second, second <= 20 ? [3] : [])]).state;
    if (state.stalled) stalledAt.push(second);
  }
  // b was seen at work between 16 s and 20 s for the last time, and from then on 8 s pass.
  assert.ok(stalledAt[0]! >= 24 && stalledAt[0]! <= 28, `gave up after ${stalledAt[0]} s`);
});

/** A worker that took `elapsedMs` for a leaf and begins the next step, among two that take 10 ms. */
function amongFaster(elapsedMs: number, spared: boolean): ExchangeState {
  const fast = (from: string, step: number, sequence: number): ExchangeEvent => ({
    ...{ kind: 'status', from },
    status: {
      ...{ sequence, view: 1, step, retains: step, leaving: false, finished: false, spared: false },
      ...{ parallel: 1, rate: 0.1, running: [], done: [], reducing: [], missing: [], reduced: [] },
    },
  });
  const { state } = after({ kind: 'view', view: viewOf(1, 'a', 'b', 'c') }, fast('b', 0, 1), fast('c', 0, 1));
  const summing = { ...state, spared, rate: 1 / elapsedMs };
  return advanceAll(summing, [{ kind: 'restored', step: 1 }, fast('b', 1, 2), fast('c', 1, 2)]).state;
}

test('much slower than the others it owns no shards, until it is nearly as fast again', () => {
  const owns = (state: ExchangeState) => [state.spared, state.owning.includes('a')];
  assert.deepEqual(owns(amongFaster(19, false)), [false, true]);
  assert.deepEqual(owns(amongFaster(21, false)), [true, false]);
  assert.deepEqual(owns(amongFaster(14, true)), [true, false]);
  assert.deepEqual(owns(amongFaster(13, true)), [false, true]);
});

test('leaves stay with who is spared; shards too when all are', () => {
  const { computing, owning } = amongFaster(40, false);
  assert.deepEqual(
    [computing, owning],
    [
      ['a', 'b', 'c'],
      ['b', 'c'],
    ],
  );
  const alone = advance({ ...amongFaster(40, true) }, { kind: 'view', view: viewOf(2, 'a') }).state;
  assert.deepEqual([alone.spared, alone.owning], [true, ['a']]);
});

test('a shard whose owner can be reached and has it comes by itself: it is asked for only after a long silence', () => {
  const tick = (nowMs: number) => ({ kind: 'tick', nowMs }) as const;
  const ahead = (from: string, sequence: number, retains = 0): ExchangeEvent => ({
    ...{ kind: 'status', from },
    status: {
      ...{ sequence, view: 1, step: 1, retains, leaving: false, finished: false, spared: false, parallel: 1 },
      ...{ rate: 0.1, running: [], done: [], reducing: [], missing: [], reduced: [] },
    },
  });
  const told = (sequence: number) => [ahead('b', sequence), ahead('c', sequence)];
  const fetchedShards = (effects: readonly Effect[]) =>
    effects.flatMap((effect) => (effect.kind === 'fetch' ? [effect.key.shard] : []));
  const links = ['b', 'c'].map((peer) => ({ kind: 'linkUp', peer }) as const);
  const { state } = after({ kind: 'view', view: viewOf(1, 'a', 'b', 'c') }, ...links, ...told(1));
  const [own, theirs] = [
    [0, 1].filter((shard) => state.owners[shard] === 'a'),
    state.owners.filter((id) => id !== 'a'),
  ];
  assert.ok(theirs.length > 0);
  const soon = advanceAll(state, [tick(defaultTiming.retryMs), ...told(2)]);
  assert.deepEqual(fetchedShards(soon.effects), own);
  const later = advanceAll(soon.state, [tick(1900), tick(3800), ...told(3), tick(8 * defaultTiming.retryMs)]);
  assert.deepEqual([...fetchedShards(soon.effects), ...fetchedShards(later.effects)].sort(), [0, 1]);

  // An owner that has forgotten the step will not send it: whoever keeps it is asked at once.
  const forgetful = theirs[0]!;
  const keeper = forgetful === 'b' ? 'c' : 'b';
  const forgotten = advanceAll(state, [
    tick(defaultTiming.retryMs),
    ahead(forgetful, 2, 1),
    ahead(keeper, 2),
    tick(2 * defaultTiming.retryMs),
  ]);
  const fetched = forgotten.effects.flatMap((effect) => (effect.kind === 'fetch' ? [effect] : []));
  assert.ok(fetched.some(({ from, key }) => from === keeper && state.owners[key.shard] === forgetful));
});
