import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type ErrorName, EspalierError } from '../../api/errors.js';
import { collect } from '../../worker/store/body.js';
import { probeStore } from '../../worker/store/probe.js';
import type { Store, StoredObject } from '../../worker/store/store.js';

/** What every store must do. `open` gives an empty store; each test works below a folder of its own. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  const it = (sentence: string, run: (store: Store) => Promise<void>) =>
    test(`${name}: ${sentence}`, async () => run(await open()));

  it('an object reads back as it was written, with its size', async (store) => {
    assert.equal(await store.write('a/b.bin', text('hello')), 'written');
    assert.equal(await readText(store, 'a/b.bin'), 'hello');
    assert.equal((await store.stat('a/b.bin'))?.sizeBytes, 5);
  });

  it('an empty object is an object', async (store) => {
    await store.write('empty', new Uint8Array(0));
    assert.equal(await readText(store, 'empty'), '');
    assert.equal((await store.stat('empty'))?.sizeBytes, 0);
  });

  it('what is not there is undefined to stat and ObjectMissing to read', async (store) => {
    assert.equal(await store.stat('none'), undefined);
    await rejectsWith('ObjectMissing', async () => collect(await store.read('none')));
  });

  it('a plain write replaces, and the etag changes with the content', async (store) => {
    await store.write('key', text('one'));
    const first = await store.stat('key');
    await store.write('key', text('two'));
    const second = await store.stat('key');
    assert.equal(await readText(store, 'key'), 'two');
    assert.notEqual(first?.etag, second?.etag);
  });

  it('ifAbsent writes once and then answers exists, whatever the bytes', async (store) => {
    assert.equal(await store.write('once', text('mine'), { ifAbsent: true }), 'written');
    assert.equal(await store.write('once', text('theirs'), { ifAbsent: true }), 'exists');
    assert.equal(await store.write('once', text('mine'), { ifAbsent: true }), 'exists');
    assert.equal(await readText(store, 'once'), 'mine');
  });

  it('ifMatch writes over the version it names and answers changed otherwise', async (store) => {
    await store.write('swap', text('one'));
    const etag = (await store.stat('swap'))?.etag ?? '';
    assert.equal(await store.write('swap', text('two'), { ifMatch: etag }), 'written');
    assert.equal(await store.write('swap', text('three'), { ifMatch: etag }), 'changed');
    assert.equal(await readText(store, 'swap'), 'two');
  });

  it('ifMatch on what is not there answers changed and writes nothing', async (store) => {
    await store.write('other', text('one'));
    const etag = (await store.stat('other'))?.etag ?? '';
    assert.equal(await store.write('gone', text('two'), { ifMatch: etag }), 'changed');
    assert.equal(await store.stat('gone'), undefined);
  });

  it('of many writers with ifAbsent exactly one wins', async (store) => {
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) => store.write('race', text(`writer ${index}`), { ifAbsent: true })),
    );
    assert.deepEqual(results.filter((result) => result === 'written').length, 1);
    assert.equal(await readText(store, 'race'), `writer ${results.indexOf('written')}`);
  });

  it('of many writers with one etag exactly one wins', async (store) => {
    await store.write('race', text('start'));
    const ifMatch = (await store.stat('race'))?.etag ?? '';
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) => store.write('race', text(`writer ${index}`), { ifMatch })),
    );
    assert.deepEqual(results.filter((result) => result === 'written').length, 1);
    assert.equal(await readText(store, 'race'), `writer ${results.indexOf('written')}`);
  });

  it('a range is the bytes from start up to end, cut at the end of the object', async (store) => {
    await store.write('digits', text('0123456789'));
    const part = async (start: number, end: number) =>
      Buffer.from(await collect(await store.read('digits', { range: { start, end } }))).toString();
    assert.equal(await part(0, 1), '0');
    assert.equal(await part(3, 7), '3456');
    assert.equal(await part(8, 100), '89');
    assert.equal(await part(5, 5), '');
    assert.equal(await part(50, 60), '');
  });

  it('a listing has every object below the prefix and no other, in code-unit order', async (store) => {
    const keys = ['p/a', 'p/a.b', 'p/a/b', 'p/B', 'p/é', 'p/ü+&?=#%', 'p/with blank', 'q/x', 'p2'];
    // A folder cannot hold both p/a and p/a/b, so one of them stays away everywhere.
    const written = keys.filter((key) => key !== 'p/a');
    for (const key of written) await store.write(key, text(key));
    const listed = await keysOf(store.list('p/'));
    assert.deepEqual(listed, written.filter((key) => key.startsWith('p/')).sort());
    assert.deepEqual(await keysOf(store.list('p')), written.filter((key) => key.startsWith('p')).sort());
    assert.deepEqual(await keysOf(store.list('p/a')), ['p/a.b', 'p/a/b']);
    assert.deepEqual(await keysOf(store.list('zzz')), []);
    assert.equal(await readText(store, 'p/ü+&?=#%'), 'p/ü+&?=#%');
  });

  it('a listing tells size and etag as stat does', async (store) => {
    await store.write('one', text('1'));
    const listed: StoredObject[] = [];
    for await (const object of store.list('')) listed.push(object);
    assert.deepEqual(listed, [await store.stat('one')]);
  });

  it('a removed object is gone, and removing it again is success', async (store) => {
    await store.write('f/x', text('x'));
    await store.remove('f/x');
    await store.remove('f/x');
    assert.equal(await store.stat('f/x'), undefined);
    assert.deepEqual(await keysOf(store.list('')), []);
    assert.equal(await store.write('f/x', text('again'), { ifAbsent: true }), 'written');
  });

  it('a file is stored as its bytes are, large ones in parts and with their condition', async (store) => {
    const folder = await mkdtemp(join(tmpdir(), 'store-contract-'));
    try {
      const file = join(folder, 'large');
      const bytes = pseudoRandom(17 * 2 ** 20 + 12_345);
      await writeFile(file, bytes);
      assert.equal(await store.write('large', { file }, { ifAbsent: true }), 'written');
      assert.ok(Buffer.from(await collect(await store.read('large'))).equals(bytes));
      assert.equal(await store.write('large', { file }, { ifAbsent: true }), 'exists');
      const ifMatch = (await store.stat('large'))?.etag ?? '';
      await writeFile(file, bytes.subarray(1));
      assert.equal(await store.write('large', { file }, { ifMatch }), 'written');
      assert.equal(await store.write('large', { file }, { ifMatch }), 'changed');
      const range = { start: 9_000_000, end: 9_000_100 };
      assert.ok(
        Buffer.from(await collect(await store.read('large', { range }))).equals(bytes.subarray(9_000_001, 9_000_101)),
      );
      assert.deepEqual(await keysOf(store.list('')), ['large']);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('keys that are no plain relative path are refused', async (store) => {
    for (const key of ['', '/a', 'a/', 'a//b', '../a', 'a/../b', './a', 'a\\b', 'a\u0000b', 'a\nb', 'x'.repeat(1025)])
      await rejectsWith('KeyInvalid', () => store.write(key, text('x')));
    await rejectsWith('KeyInvalid', () => store.read('../secret'));
  });

  it('an aborted signal stops every operation with its reason', async (store) => {
    await store.write('there', text('x'));
    const reason = new Error('stop');
    const signal = AbortSignal.abort(reason);
    await assert.rejects(store.write('new', text('x'), { signal }), reason);
    await assert.rejects(async () => collect(await store.read('there', { signal })), reason);
    await assert.rejects(store.stat('there', { signal }), reason);
    await assert.rejects(store.remove('there', { signal }), reason);
    await assert.rejects(keysOf(store.list('', { signal })), reason);
    assert.equal(await store.stat('new'), undefined);
    assert.equal(await readText(store, 'there'), 'x');
  });

  it('passes the probe for conditional writes, which leaves nothing behind', async (store) => {
    await probeStore(store);
    assert.deepEqual(await keysOf(store.list('')), []);
  });
}

export const text = (content: string): Uint8Array => Buffer.from(content);

export const readText = async (store: Store, key: string): Promise<string> =>
  Buffer.from(await collect(await store.read(key))).toString('utf8');

export async function keysOf(objects: AsyncIterable<StoredObject>): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of objects) keys.push(key);
  return keys;
}

export const rejectsWith = (name: ErrorName, action: () => Promise<unknown>): Promise<void> =>
  assert.rejects(action, (error) => {
    if (!EspalierError.is(error, name)) throw error;
    return true;
  });

/** Bytes that no compression or shift leaves unnoticed: a 32-bit linear congruential generator. */
export function pseudoRandom(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let index = 0; index < length; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[index] = state >>> 24;
  }
  return bytes;
}
