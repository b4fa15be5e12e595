import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { keysOf, readText, rejectsWith, text } from '../../test/contracts/store.js';
import { withFaults } from './faults.js';
import { createMemoryStore } from './memory.js';
import { openStore, parseS3Url } from './open.js';
import { probeStore } from './probe.js';
import type { Store } from './store.js';
import { storeUnder } from './under.js';

const root = await mkdtemp(join(tmpdir(), 'open-store-'));
after(() => rm(root, { recursive: true, force: true }));

test('a path and a file URL open the same folder', async () => {
  const byPath = await openStore('models', {}, { workingFolder: root });
  const byUrl = await openStore(pathToFileURL(join(root, 'models')).href);
  await byPath.write('k', text('x'));
  assert.equal(await readText(byUrl, 'k'), 'x');
  assert.equal(byPath.url('k'), byUrl.url('k'));
});

test('an s3 URL opens the part of the bucket that it names', async () => {
  const connection = {
    endpoint: 'http://127.0.0.1:1',
    region: 'x',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
  };
  const store = await openStore('s3://bucket/models/workplace/', connection);
  assert.equal(store.url('manifest.json'), 's3://bucket/models/workplace/manifest.json');
  assert.deepEqual(parseS3Url('s3://bucket'), { bucket: 'bucket', key: '' });
  assert.deepEqual(parseS3Url('s3://bucket/a/b.jsonl'), { bucket: 'bucket', key: 'a/b.jsonl' });
});

test('what is no URL of a store is refused', async () => {
  for (const url of [
    'gs://bucket/x',
    'https://host/x',
    's3://',
    's3://UPPER/x',
    's3:///x',
    'file:relative',
    'file://host/x',
    '',
  ])
    await rejectsWith('StoreUrlInvalid', () => openStore(url));
  await rejectsWith('ConnectionInvalid', () => openStore('s3://bucket/x', { endpoint: 'store:9000', region: 'x' }));
  await rejectsWith('KeyInvalid', () => openStore('s3://bucket/a/../b', { region: 'x' }));
});

test('a part of a store sees its own keys only', async () => {
  const whole = createMemoryStore();
  const part = storeUnder(whole, 'p/q');
  await part.write('k', text('x'));
  await whole.write('p/other', text('y'));
  assert.deepEqual(await keysOf(part.list('')), ['k']);
  assert.equal((await part.stat('k'))?.key, 'k');
  assert.deepEqual(await keysOf(whole.list('')), ['p/other', 'p/q/k']);
});

test('the probe finds servers that take a condition and overwrite all the same', async () => {
  const store = createMemoryStore();
  const ignoring = (condition: 'ifAbsent' | 'ifMatch'): Store => ({
    ...store,
    write: (key, body, { [condition]: _, ...options } = {}) => store.write(key, body, options),
  });
  await rejectsWith('StoreIgnoresConditions', () => probeStore(ignoring('ifAbsent')));
  await rejectsWith('StoreIgnoresConditions', () => probeStore(ignoring('ifMatch')));
  assert.deepEqual(await keysOf(store.list('')), []);
});

test('faults come before, during or after the operation that the schedule names', async () => {
  const inner = createMemoryStore();
  const error = new Error('scheduled');
  const faulty = (when: 'before' | 'during' | 'after', at: number) =>
    withFaults(inner, ({ index }) => (index === at ? { when, error } : undefined));
  await assert.rejects(faulty('before', 0).write('k', text('x')), error);
  assert.equal(await inner.stat('k'), undefined);
  await assert.rejects(faulty('after', 0).write('k', text('x')), error);
  assert.equal(await readText(inner, 'k'), 'x');
  const later = faulty('during', 1);
  await later.stat('k');
  await assert.rejects(readText(later, 'k'), error);
  await assert.rejects(keysOf(faulty('before', 0).list('')), error);
  await assert.rejects(keysOf(faulty('during', 0).list('')), error);
  await assert.rejects(faulty('after', 0).remove('k'), error);
  assert.equal(await inner.stat('k'), undefined);
});
