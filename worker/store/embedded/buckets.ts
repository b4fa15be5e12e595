import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../../common/clock.js';
import { createDirectoryStore } from '../directory.js';
import type { Store } from '../store.js';
import { refuse } from './failure.js';

export interface Buckets {
  create(name: string): Promise<void>;
  names(): Promise<string[]>;
  /** Refuses as S3 does when there is no such bucket. */
  open(name: string): Promise<Store>;
  modifiedAt(bucket: string, key: string): Promise<Date>;
}

/** Folders of `root` as buckets; each has one store for the life of the server, whose queue and cache are shared. */
export function bucketsIn(root: string, clock: Clock): Buckets {
  const stores = new Map<string, Store>();
  // Besides being S3's rule it keeps every bucket a direct child of the root, and off the folder of unfinished uploads.
  const checkName = (name: string) =>
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) && !name.includes('..')
      ? name
      : refuse(400, 'InvalidBucketName', 'a bucket has 3 to 63 lower-case letters, digits, dots and hyphens');
  return {
    async create(name) {
      await mkdir(join(root, checkName(name)), { recursive: true });
    },
    async names() {
      const entries = await readdir(root, { withFileTypes: true });
      return entries
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
        .map(({ name }) => name)
        .sort();
    },
    async open(name) {
      const folder = join(root, checkName(name));
      const found = await stat(folder).catch(() => undefined);
      if (!found?.isDirectory()) refuse(404, 'NoSuchBucket', 'there is no such bucket');
      const store = stores.get(name) ?? createDirectoryStore(folder, { clock });
      stores.set(name, store);
      return store;
    },
    async modifiedAt(bucket, key) {
      return (await stat(join(root, bucket, ...key.split('/')))).mtime;
    },
  };
}
