import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { systemClock } from '../../common/clock.js';
import { collect } from '../../worker/store/body.js';
import type { Connection } from '../../worker/store/connection.js';
import { createS3Store } from '../../worker/store/s3/store.js';
import { freshPrefix } from '../support/s3Bucket.js';
import { type ProxiedRequest, startS3Proxy } from '../support/s3Proxy.js';
import { keysOf, pseudoRandom, readText, rejectsWith, text } from './store.js';

/** What the S3 store must make of a network and a server that fail: run against every server under the contract. */
export async function s3FaultContract(
  name: string,
  connection: Connection & { endpoint: string },
  bucket: string,
): Promise<void> {
  const proxy = await startS3Proxy(connection.endpoint);
  after(() => proxy[Symbol.asyncDispose]());
  const through = { ...connection, endpoint: proxy.endpoint };
  const it = (sentence: string, run: (store: ReturnType<typeof freshPrefix>) => Promise<void>) =>
    test(`${name}: ${sentence}`, async () => {
      proxy.schedule(() => undefined);
      await run(freshPrefix(through, bucket));
    });
  const first = (method: string) => {
    let met = false;
    return (request: ProxiedRequest) => {
      const now = !met && request.method === method;
      met ||= now;
      return now;
    };
  };
  const large = pseudoRandom(9 << 20);

  it('a write whose answer was lost is written, though its repetition meets its own object', async (store) => {
    const put = first('PUT');
    proxy.schedule((request) => (put(request) ? { kind: 'lose' } : undefined));
    assert.equal(await store.write('k', text('mine'), { ifAbsent: true }), 'written');
    assert.equal(await readText(store, 'k'), 'mine');
  });

  it('a swap whose answer was lost is written too', async (store) => {
    await store.write('k', text('one'));
    const ifMatch = (await store.stat('k'))?.etag ?? '';
    const put = first('PUT');
    proxy.schedule((request) => (put(request) ? { kind: 'lose' } : undefined));
    assert.equal(await store.write('k', text('two'), { ifMatch }), 'written');
    assert.equal(await readText(store, 'k'), 'two');
  });

  it('a write that was dropped on the way while another one won answers exists', async (store) => {
    await store.write('k', text('theirs'));
    const put = first('PUT');
    proxy.schedule((request) => (put(request) ? { kind: 'drop' } : undefined));
    assert.equal(await store.write('k', text('mine'), { ifAbsent: true }), 'exists');
    assert.equal(await readText(store, 'k'), 'theirs');
  });

  it('a conflict (409), a slow-down (503) and an internal error (500) are tried again', async (store) => {
    const answers = [
      { status: 409, code: 'ConditionalRequestConflict' },
      { status: 503, code: 'SlowDown' },
      { status: 500, code: 'InternalError' },
    ];
    proxy.schedule(({ index }) => (answers[index] ? { kind: 'status', ...answers[index] } : undefined));
    assert.equal(await store.write('k', text('x'), { ifAbsent: true }), 'written');
  });

  it('a multipart upload survives a lost part and a lost completion, with its condition', async (store) => {
    const put = first('PUT');
    let posts = 0;
    // The first POST begins the upload, the second completes it.
    proxy.schedule((request) =>
      put(request) || (request.method === 'POST' && ++posts === 2) ? { kind: 'lose' } : undefined,
    );
    assert.equal(await store.write('large', large, { ifAbsent: true }), 'written');
    assert.ok(Buffer.from(await collect(await store.read('large'))).equals(large));
    assert.equal(await store.write('large', large.subarray(1), { ifAbsent: true }), 'exists');
  });

  it('a conflict at the end of a multipart upload starts it again', async (store) => {
    let posts = 0;
    proxy.schedule(({ method }) =>
      method === 'POST' && ++posts === 2
        ? { kind: 'status', status: 409, code: 'ConditionalRequestConflict' }
        : undefined,
    );
    assert.equal(await store.write('large', large, { ifAbsent: true }), 'written');
    assert.ok(Buffer.from(await collect(await store.read('large'))).equals(large));
  });

  it('a read that breaks in the middle goes on where it was', async (store) => {
    await store.write('large', large);
    proxy.schedule(({ index }) => (index < 3 ? { kind: 'cut', afterBytes: 1_000_000 + index } : undefined));
    assert.ok(Buffer.from(await collect(await store.read('large'))).equals(large));
    assert.equal(proxy.seen.length, 4);
  });

  it('a read that breaks does not go on in another version of the object', async (store) => {
    await store.write('large', large);
    proxy.schedule(({ index }) => (index === 0 ? { kind: 'cut', afterBytes: 1_000_000 } : undefined));
    await rejectsWith('StoreFailed', async () => {
      let replaced = false;
      for await (const _ of await store.read('large')) {
        if (!replaced) await store.write('large', large.subarray(1));
        replaced = true;
      }
    });
  });

  it('a server that stays away is unreachable after a bounded number of tries', async (store) => {
    proxy.schedule(() => ({ kind: 'drop' }));
    await rejectsWith('StoreUnreachable', () => store.write('k', text('x')));
    assert.equal(proxy.seen.length, 6);
    await rejectsWith('StoreUnreachable', () => keysOf(store.list('')));
  });

  it('a server that keeps failing is named with its status', async (store) => {
    proxy.schedule(() => ({ kind: 'status', status: 500, code: 'InternalError' }));
    await rejectsWith('StoreFailed', () => store.stat('k'));
    await rejectsWith('StoreFailed', () => store.write('k', text('x')));
  });

  it('a full disk of the server is final', async (store) => {
    proxy.schedule(() => ({ kind: 'status', status: 507, code: 'InsufficientStorage' }));
    await rejectsWith('DiskFull', () => store.write('k', text('x')));
    assert.equal(proxy.seen.length, 1);
  });

  it('a missing bucket is named, whatever is asked first', async () => {
    const store = freshPrefix(through, 'no-such-bucket');
    await rejectsWith('BucketMissing', () => store.stat('k'));
    await rejectsWith('BucketMissing', () => store.write('k', text('x'), { ifAbsent: true }));
    await rejectsWith('BucketMissing', async () => collect(await store.read('k')));
    await rejectsWith('BucketMissing', () => keysOf(store.list('')));
  });

  it('a wrong secret and an unknown key are rejected credentials', async () => {
    const { accessKeyId = '', secretAccessKey = '' } = connection.credentials ?? {};
    for (const credentials of [
      { accessKeyId, secretAccessKey: 'wrong' },
      { accessKeyId: 'nobody', secretAccessKey },
    ]) {
      const store = freshPrefix({ ...through, credentials }, bucket);
      await rejectsWith('CredentialsRejected', () => store.write('k', text('x')));
      await rejectsWith('CredentialsRejected', () => store.stat('k'));
      await rejectsWith('CredentialsRejected', () => keysOf(store.list('')));
    }
  });

  it('a long listing comes whole, page by page', async (store) => {
    const keys = Array.from({ length: 1005 }, (_, index) => `n/${String(index).padStart(4, '0')}`);
    for (let at = 0; at < keys.length; at += 100)
      await Promise.all(keys.slice(at, at + 100).map((key) => store.write(key, text(key))));
    proxy.schedule(() => undefined);
    assert.deepEqual(await keysOf(store.list('n/')), keys);
    assert.equal(proxy.seen.length, 2);
  });

  it('nobody at the endpoint is unreachable', async () => {
    const nowhere = { ...connection, endpoint: 'http://127.0.0.1:1' };
    const store = createS3Store({ bucket, connection: nowhere, clock: systemClock, random: () => 0 });
    await rejectsWith('StoreUnreachable', () => store.stat('k'));
  });
}
