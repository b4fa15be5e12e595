import {
  DeleteObjectCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
} from '@aws-sdk/client-s3';
import { fail } from '../../../api/errors.js';
import { byCodeUnit } from '../../../common/hash.js';
import { sameContent } from '../body.js';
import type { Connection } from '../connection.js';
import { checkKey } from '../key.js';
import type { ReadOptions, Store, StoredObject } from '../store.js';
import { createS3Client } from './client.js';
import { type Call, codeOf, describeFailure, statusOf } from './failures.js';
import { type RetryDeps, retrying } from './retrying.js';
import { sending, upload } from './upload.js';

export interface S3StoreDeps extends RetryDeps {
  readonly bucket: string;
  readonly connection: Connection;
}

/** A bucket of an S3-compatible server. */
export function createS3Store({ bucket, connection, clock, random }: S3StoreDeps): Store {
  const client = createS3Client(connection);
  const deps: RetryDeps = { clock, random };
  const url = (key: string) => `s3://${bucket}/${key}`;
  const call = (operation: string, key: string): Call => ({
    url: url(key),
    bucket,
    operation,
    region: connection.region,
  });
  let bucketSeen = false;

  /** A HEAD answers 404 without a body, for a missing bucket or user too: a listing, asked once, says which it is. */
  async function checkBucket(key: string, signal?: AbortSignal): Promise<void> {
    if (bucketSeen) return;
    await retrying(call('look at', key), deps, signal, async () => {
      try {
        await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: key, MaxKeys: 1 }), sending(signal));
      } catch (error) {
        // Without the right to list, the objects may still be allowed.
        if (codeOf(error) !== 'AccessDenied') throw error;
      }
    });
    bucketSeen = true;
  }

  const get = (key: string, range: string | undefined, ifMatch: string | undefined, signal: AbortSignal | undefined) =>
    retrying(call('read', key), deps, signal, () =>
      client.send(
        new GetObjectCommand({
          Bucket: bucket,
          Key: key,
          ...(range !== undefined && { Range: range }),
          ...(ifMatch !== undefined && { IfMatch: ifMatch }),
        }),
        sending(signal),
      ),
    );

  async function read(key: string, { range, signal }: ReadOptions = {}): Promise<AsyncIterable<Uint8Array>> {
    checkKey(key);
    if (range && range.start >= range.end) {
      if (!(await stat(key, signal))) fail('ObjectMissing', { url: url(key) });
      return nothing();
    }
    let first: GetObjectCommandOutput;
    try {
      first = await get(key, range && `bytes=${range.start}-${range.end - 1}`, undefined, signal);
    } catch (error) {
      // 416: the range begins behind the last byte.
      if (range && statusOf((error as Error).cause) === 416) return nothing();
      throw error;
    }
    return resumable(first, key, range?.start ?? 0, signal);
  }

  /** The body; when the connection breaks in the middle, the rest of the same version of the object. */
  async function* resumable(
    first: GetObjectCommandOutput,
    key: string,
    start: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const end =
      start +
      (first.ContentLength ??
        fail('StoreFailed', { url: url(key), operation: 'read', status: 200, why: 'no Content-Length' }));
    let at = start;
    let answer = first;
    for (let broken = 0; ; ) {
      try {
        for await (const chunk of answer.Body as unknown as AsyncIterable<Uint8Array>) {
          at += chunk.byteLength;
          yield chunk;
        }
        if (at === end) return;
        throw Object.assign(new Error(`the body ended after ${at - start} of ${end - start} bytes`), {
          code: 'ECONNRESET',
        });
      } catch (cause) {
        signal?.throwIfAborted();
        const failure = describeFailure(cause, call('read', key));
        // Bytes already handed out cannot be taken back: a wrong checksum of the whole is final.
        if (!failure.retry || failure.error.name !== 'StoreUnreachable' || ++broken > 5 || at >= end)
          throw failure.error;
        answer = await get(key, `bytes=${at}-${end - 1}`, first.ETag, signal);
      }
    }
  }

  async function stat(key: string, signal: AbortSignal | undefined): Promise<StoredObject | undefined> {
    checkKey(key);
    const head = await retrying(call('look at', key), deps, signal, async () => {
      try {
        return await client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), sending(signal));
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    });
    if (!head) {
      await checkBucket(key, signal);
      return undefined;
    }
    bucketSeen = true;
    return { key, sizeBytes: head.ContentLength ?? 0, etag: head.ETag ?? '' };
  }

  async function* list(prefix: string, signal: AbortSignal | undefined): AsyncGenerator<StoredObject, void, undefined> {
    const found: StoredObject[] = [];
    let token: string | undefined;
    do {
      const page = await retrying(call('list', prefix), deps, signal, () =>
        client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix,
            ...(token !== undefined && { ContinuationToken: token }),
          }),
          sending(signal),
        ),
      );
      for (const { Key = '', Size = 0, ETag = '' } of page.Contents ?? [])
        found.push({ key: Key, sizeBytes: Size, etag: ETag });
      const next = page.IsTruncated ? page.NextContinuationToken : undefined;
      if (page.IsTruncated && (next === undefined || next === token))
        fail('StoreFailed', {
          url: url(prefix),
          operation: 'list',
          status: 200,
          why: 'a truncated page without a way to the next',
        });
      token = next;
    } while (token !== undefined);
    // Servers order by UTF-8 bytes, which differs from code units beyond the basic plane. Names that end in a slash are
    // the folder marks that some consoles make.
    yield* found.filter(({ key }) => !key.endsWith('/')).sort((a, b) => byCodeUnit(a.key, b.key));
  }

  return {
    url,
    read,
    async write(key, body, options = {}) {
      checkKey(key);
      const arrived = async () => sameContent(body, await read(key, { signal: options.signal }));
      return upload({ ...deps, client, bucket, key, call: call('write', key), body, options, arrived });
    },
    stat: (key, { signal } = {}) => stat(key, signal),
    list: (prefix, { signal } = {}) => list(prefix, signal),
    async remove(key, { signal } = {}) {
      checkKey(key);
      await retrying(call('remove', key), deps, signal, () =>
        client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key }), sending(signal)),
      );
    },
  };
}

async function* nothing(): AsyncGenerator<Uint8Array, void, undefined> {}
