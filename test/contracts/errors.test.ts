import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorEntry } from '../../api/errors/entry.js';
import { EspalierError, errors } from '../../api/errors.js';
import { sources } from '../support/sources.js';

const entries = Object.entries(errors as unknown as Readonly<Record<string, ErrorEntry<never>>>);

/** Codes of errors that no longer exist: a code is never given a second meaning. */
const retired: readonly string[] = [];

/** Which digit each area file of api/errors/ owns. */
const areas: Readonly<Record<string, string>> = {
  job: '1',
  base: '2',
  data: '3',
  recipe: '4',
  engine: '5',
  exchange: '6',
  store: '7',
  artifacts: '8',
  run: '9',
};

const files = sources();

test('codes have the form ESP-nnnn, are unique, and none is a retired one', () => {
  const codes = entries.map(([, { code }]) => code as string);
  assert.deepEqual(
    codes.filter((code) => !/^ESP-[1-9]\d{3}$/.test(code)),
    [],
  );
  assert.deepEqual(
    codes.filter((code, index) => codes.indexOf(code) !== index),
    [],
  );
  assert.deepEqual(
    codes.filter((code) => retired.includes(code)),
    [],
  );
});

test('each area file keeps to its digit and each name is defined once', () => {
  const wrong: string[] = [];
  const names: string[] = [];
  for (const [area, digit] of Object.entries(areas)) {
    const file = files.find(({ path }) => path === `api/errors/${area}.ts`);
    assert.ok(file, `api/errors/${area}.ts is missing`);
    names.push(...[...file.code.matchAll(/^ {2}(\w+): entry[<(]/gm)].map(([, name]) => name!));
    const codes = [...file.code.matchAll(/code: '(ESP-\d+)'/g)].map(([, code]) => code!);
    wrong.push(...codes.filter((code) => code[4] !== digit).map((code) => `${area}.ts: ${code}`));
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual(names.sort(), entries.map(([name]) => name).sort());
});

test('names are in upper camel case, at most 63 characters, as condition reasons are', () => {
  assert.deepEqual(
    entries.map(([name]) => name).filter((name) => !/^[A-Z][A-Za-z0-9]{2,62}$/.test(name)),
    [],
  );
});

test('every error is thrown somewhere in the code', () => {
  const code = files.filter(({ isTest }) => !isTest).map((file) => file.code);
  const unused = entries
    .map(([name]) => name)
    .filter((name) => !code.some((text) => new RegExp(`\\b(fail|EspalierError)\\(\\s*'${name}'`).test(text)));
  assert.deepEqual(unused, [], 'throw them or take them out of api/errors/');
});

test('every error is named by a test that reaches it', () => {
  const code = files
    .filter(({ isTest, path }) => isTest && path !== 'test/contracts/errors.test.ts')
    .map((file) => file.code);
  const untested = entries
    .map(([name]) => name)
    .filter((name) => !code.some((text) => new RegExp(`\\b${name}\\b`).test(text)));
  assert.deepEqual(untested, []);
});

test('an error carries code, message, remedy, exit code, facts and cause of its entry', () => {
  const cause = new Error('ENOENT');
  const error = new EspalierError('JobUnreadable', { file: 'job.yaml', reason: 'there is no such file' }, { cause });
  assert.deepEqual(
    {
      code: error.code,
      message: error.message,
      exit: error.exit,
      grpc: error.grpc,
      retry: error.retry,
      cause: error.cause,
    },
    {
      code: 'ESP-1002',
      message: 'cannot read job.yaml: there is no such file',
      exit: 2,
      grpc: 'NOT_FOUND',
      retry: false,
      cause,
    },
  );
  assert.ok(EspalierError.is(error, 'JobUnreadable') && error.facts.file === 'job.yaml');
  assert.ok(!EspalierError.is(error, 'JobInvalid'));
});
