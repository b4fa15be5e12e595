import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearest } from './nearest.js';
import { reader } from './rule.js';
import { exactlyOne, rules } from './rules.js';

test('a method union with two members names both; with none, what to add', () => {
  const rule = exactlyOne(['method'], ['lora', 'dora', 'ia3']);
  const said = (method: unknown) => rule.broken(reader({ method })).map(({ what, instead }) => `${what}; ${instead}`);
  assert.deepEqual(said({ lora: {}, ia3: {} }), ['names lora and ia3 together; keep one of lora, ia3']);
  assert.deepEqual(said({}), ['names none of lora, dora, ia3; add lora or dora or ia3']);
  assert.deepEqual(said({ dora: {} }), []);
  assert.deepEqual(said('lora'), [], 'the schema reports what is no mapping');
  assert.equal(rule.cel, '[has(self.lora), has(self.dora), has(self.ia3)].filter(x, x).size() == 1');
});

test('rules say nothing about a spec that is missing or of wrong types', () => {
  const nonsense = [
    undefined,
    null,
    3,
    [],
    { workers: 3, data: [], method: null, training: 'x', connections: { a: 1 } },
  ];
  for (const spec of nonsense) {
    const said = rules.flatMap((rule) => rule.broken(reader(spec)));
    assert.deepEqual(said, [], JSON.stringify(spec));
  }
});

test('near names: other spellings first, then typos up to a third of the length', () => {
  const fields = ['learningRate', 'rank', 'alpha', 'rsLora', 'epochs'];
  assert.deepEqual(nearest('learning_rate', fields), ['learningRate']);
  assert.deepEqual(nearest('rnak', fields), ['rank']);
  assert.deepEqual(nearest('epoch', fields), ['epochs']);
  assert.deepEqual(nearest('zebra', fields), []);
});
