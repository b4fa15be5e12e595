import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fail } from '../../api/errors.js';
import { type Clock, systemClock } from '../../common/clock.js';
import type { Connection } from './connection.js';
import { createDirectoryStore } from './directory.js';
import type { Store } from './store.js';
import { storeUnder } from './under.js';

export interface OpenStoreDeps {
  readonly clock?: Clock;
  /** [0, 1): spreads retries. */
  readonly random?: () => number;
  /** What relative paths are relative to; default: the process's working folder. */
  readonly workingFolder?: string;
}

/** The store that a URL names: `s3://bucket/prefix/`, `file:///folder/` or the path of a folder. Nothing is sent yet. */
export async function openStore(url: string, connection: Connection = {}, deps: OpenStoreDeps = {}): Promise<Store> {
  const { clock = systemClock, random = Math.random, workingFolder = '.' } = deps;
  if (url.startsWith('s3://')) {
    const { bucket, key: prefix } = parseS3Url(url);
    // The SDK takes a quarter of a second to load: only who uses S3 pays for it.
    const { createS3Store } = await import('./s3/store.js');
    return storeUnder(createS3Store({ bucket, connection, clock, random }), prefix);
  }
  if (url.startsWith('file:')) {
    if (!/^file:\/\/\//.test(url))
      fail('StoreUrlInvalid', { url, reason: 'file: needs an absolute path after file://' });
    return createDirectoryStore(fileURLToPath(url), { clock });
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(url)) fail('StoreUrlInvalid', { url, reason: 'the scheme is not s3 or file' });
  if (url === '') fail('StoreUrlInvalid', { url, reason: 'it is empty' });
  return createDirectoryStore(resolve(workingFolder, url), { clock });
}

/** Bucket and key (or prefix, without slashes around it; may be empty) of an s3:// URL. */
export function parseS3Url(url: string): { readonly bucket: string; readonly key: string } {
  const match = /^s3:\/\/([^/]*)(?:\/(.*))?$/.exec(url);
  if (!match) fail('StoreUrlInvalid', { url, reason: 'it is not of the form s3://bucket/prefix' });
  const [, bucket = '', rest = ''] = match;
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket))
    fail('StoreUrlInvalid', { url, reason: `${JSON.stringify(bucket)} cannot be the name of a bucket` });
  return { bucket, key: rest.replace(/^\/+|\/+$/g, '') };
}
