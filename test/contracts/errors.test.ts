import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorEntry } from '../../api/errors/entry.js';
import { EspalierError, errors } from '../../api/errors.js';
import { sources } from '../support/sources.js';

const entries = Object.entries(errors as unknown as Readonly<Record<string, ErrorEntry<never>>>);

/** Codes of errors that no longer exist: a code is never given a second meaning. */
const retired: readonly string[] = [];

/** Which codes each area file of api/errors/ owns. */
const areas: Readonly<Record<string, RegExp>> = {
  job: /^ESP-1/,
  base: /^ESP-2/,
  data: /^ESP-3/,
  recipe: /^ESP-4/,
  engine: /^ESP-5/,
  exchange: /^ESP-6/,
  store: /^ESP-7/,
  artifacts: /^ESP-8/,
  run: /^ESP-90/,
  launch: /^ESP-91/,
  query: /^ESP-94/,
  cluster: /^ESP-93/,
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

test('each area file keeps to its codes and each name is defined once', () => {
  const areaOf = (path: string) => /^api\/errors\/(\w+)\.ts$/.exec(path)?.[1];
  const areaFiles = files.filter(({ path }) => areaOf(path) !== undefined && areaOf(path) !== 'entry');
  assert.deepEqual(areaFiles.map(({ path }) => areaOf(path)).sort(), Object.keys(areas).sort());
  const wrong = areaFiles.flatMap(({ path, code }) =>
    [...code.matchAll(/code: '(ESP-\d+)'/g)]
      .filter(([, found]) => !areas[areaOf(path)!]!.test(found!))
      .map(([, found]) => `${path}: ${found}`),
  );
  assert.deepEqual(wrong, []);
  const names = areaFiles.flatMap(({ code }) => [...code.matchAll(/^ {2}(\w+): entry[<(]/gm)].map(([, name]) => name!));
  assert.deepEqual(names.sort(), entries.map(([name]) => name).sort());
});

test('names are in upper camel case, at most 63 characters, as condition reasons are', () => {
  assert.deepEqual(
    entries.map(([name]) => name).filter((name) => !/^[A-Z][A-Za-z0-9]{2,62}$/.test(name)),
    [],
  );
});

test('every error is raised somewhere in the code', () => {
  // A raise is `fail('Name'`, `new EspalierError('Name'`, or the name handed on as data (a fault of elastic/, a table of a
  // store's answers). Asking `EspalierError.is(error, 'Name')` raises nothing.
  const code = files
    .filter(({ isTest, path }) => !isTest && !path.startsWith('api/errors'))
    .map((file) => file.code.replace(/EspalierError\.is\([^)]*\)/g, ''));
  const unused = entries.map(([name]) => name).filter((name) => !code.some((text) => text.includes(`'${name}'`)));
  assert.deepEqual(unused, [], 'raise them or take them out of api/errors/');
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
