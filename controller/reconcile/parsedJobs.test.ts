import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkJob } from '../../api/parse/parseJob.js';
import { aClusterSpec } from '../../test/support/aWorld.js';
import { ParsedJobs } from './parsedJobs.js';

const parse = (name: string) =>
  checkJob({ apiVersion: 'espalier.dev/v1alpha1', kind: 'FineTuneJob', metadata: { name }, spec: aClusterSpec }, { file: name }); // biome-ignore format: one thought

test('the same text of the same job is parsed once, from each source', () => {
  const jobs = new ParsedJobs();
  let parsed = 0;
  const read = (uid: string, source: 'written' | 'resolved', text: string) =>
    jobs.read(uid, source, text, () => {
      parsed += 1;
      return parse('a');
    });
  const first = read('1', 'written', 'text');
  assert.equal(read('1', 'written', 'text'), first);
  assert.equal(parsed, 1);
  read('1', 'resolved', 'text');
  read('1', 'written', 'another');
  read('2', 'written', 'text');
  assert.equal(parsed, 4);
  jobs.forget('1');
  read('1', 'written', 'another');
  assert.equal(parsed, 5);
});

test('what cannot be parsed is refused every time', () => {
  const jobs = new ParsedJobs();
  const refuse = () => {
    throw new Error('invalid');
  };
  for (let i = 0; i < 2; i++) assert.throws(() => jobs.read('1', 'written', 'text', refuse), /invalid/);
});
