import { createHash, randomBytes } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EspalierError, fail } from '../../api/errors.js';
import { type Clock, systemClock } from '../../common/clock.js';
import { isDiskFull, linkIfAbsent, syncFolder } from '../../common/files.js';
import { byCodeUnit } from '../../common/hash.js';
import { bodyChunks } from './body.js';
import { createFolderLock } from './folderLock.js';
import { checkKey, reservedSegment } from './key.js';
import { mayBeAlive, ownerName } from './owner.js';
import type { Body, Store, StoredObject } from './store.js';

/**
 * A store in a folder: each object is a plain file of its key's name. Unfinished writes lie in a reserved folder and are
 * linked (`ifAbsent`) or renamed into place after fsync. The etag is the content's SHA-256.
 */
export function createDirectoryStore(folder: string, { clock = systemClock }: { clock?: Clock } = {}): Store {
  const root = resolve(folder);
  const parts = join(root, reservedSegment);
  const lock = createFolderLock(parts, clock);
  const etags = createEtagCache();
  const pathOf = (key: string) => join(root, ...checkKey(key).split('/'));
  const url = (key: string) => pathToFileURL(join(root, key)).href;
  let swept: Promise<void> | undefined;

  async function describe(key: string, signal?: AbortSignal): Promise<StoredObject | undefined> {
    const path = pathOf(key);
    const found = await statFile(path);
    if (found === undefined) return undefined;
    const etag = await etags.of(path, found, signal);
    return etag === undefined ? undefined : { key, sizeBytes: Number(found.size), etag };
  }

  return {
    url,

    async read(key, { range, signal } = {}) {
      const path = pathOf(key);
      signal?.throwIfAborted();
      if (!(await reporting('read', path, () => statFile(path)))) fail('ObjectMissing', { url: url(key) });
      return readFileChunks(path, url(key), range, signal);
    },

    async write(key, body, { ifAbsent, ifMatch, signal } = {}) {
      const path = pathOf(key);
      return reporting('write', path, async () => {
        await mkdir(parts, { recursive: true });
        swept ??= removeLeftovers(parts);
        await swept;
        const temporary = join(parts, `part-${ownerName()}-${randomBytes(6).toString('hex')}`);
        try {
          const etag = await writeDurably(temporary, body, signal);
          if (ifAbsent) {
            const placed = await inParent(key, path, () => linkIfAbsent(temporary, path));
            if (!placed) return (await statFile(path)) ? 'exists' : refuseFolder(key);
          } else {
            const placed = await lock.hold(async () => {
              if (ifMatch !== undefined && (await describe(key, signal))?.etag !== ifMatch) return false;
              await inParent(key, path, () => rename(temporary, path));
              return true;
            }, signal);
            if (!placed) return 'changed';
          }
          await syncFolder(dirname(path));
          etags.remember(await stat(path, { bigint: true }), etag);
          return 'written';
        } finally {
          await rm(temporary, { force: true });
        }
      });
    },

    async stat(key, { signal } = {}) {
      signal?.throwIfAborted();
      return reporting('read', pathOf(key), () => describe(key, signal));
    },

    async *list(prefix, { signal } = {}) {
      const keys = await reporting('list', root, () => keysBelow(root, prefix));
      for (const key of keys) {
        signal?.throwIfAborted();
        const found = await reporting('read', pathOf(key), () => describe(key, signal));
        if (found) yield found;
      }
    },

    async remove(key, { signal } = {}) {
      const path = pathOf(key);
      await reporting('remove', path, async () => {
        if (!(await statFile(path))) return;
        await lock.hold(() => rm(path, { force: true }), signal);
        await syncFolder(dirname(path)).catch(undefinedIfMissing);
        await removeEmptyFolders(dirname(path), root);
      });
    },
  };
}

/** Remembers the hash of files that have not changed since (same inode, size and times), so that `stat` is cheap. */
function createEtagCache() {
  const known = new Map<string, string>();
  const identity = (s: BigIntStats) => `${s.dev}:${s.ino}:${s.size}:${s.mtimeNs}:${s.ctimeNs}`;
  return {
    remember: (found: BigIntStats, etag: string) => void known.set(identity(found), etag),
    /** Undefined: another one has removed the file since it was found. */
    async of(path: string, found: BigIntStats, signal?: AbortSignal): Promise<string | undefined> {
      const cached = known.get(identity(found));
      if (cached) return cached;
      const etag = await hashFile(path, signal).catch(undefinedIfMissing);
      if (etag === undefined) return undefined;
      known.set(identity(found), etag);
      return etag;
    },
  };
}

async function hashFile(path: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of bodyChunks({ file: path })) {
    signal?.throwIfAborted();
    hash.update(chunk);
  }
  return hash.digest('hex');
}

async function* readFileChunks(
  path: string,
  url: string,
  range: { readonly start: number; readonly end: number } | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of bodyChunks({ file: path }, range?.start, range?.end)) {
      signal?.throwIfAborted();
      yield chunk;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') fail('ObjectMissing', { url });
    throw error;
  }
}

/** Writes, hashes and fsyncs a new file; returns the SHA-256. */
async function writeDurably(path: string, body: Body, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  const file = await open(path, 'wx');
  try {
    for await (const chunk of bodyChunks(body)) {
      signal?.throwIfAborted();
      hash.update(chunk);
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}

const refuseFolder = (key: string): never =>
  fail('KeyInvalid', { key, reason: 'objects lie below it, and a folder cannot be an object too' });

/** Runs `place` with the parent folder there; a concurrent `remove` may take the empty folder away in between. */
async function inParent<T>(key: string, path: string, place: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      const created = await mkdir(dirname(path), { recursive: true });
      if (created) await syncFolder(dirname(created));
      return await place();
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (code === 'EISDIR' || code === 'ENOTEMPTY') refuseFolder(key);
      if (code === 'ENOTDIR' || code === 'EEXIST')
        fail('KeyInvalid', { key, reason: 'a part of it is an object, and an object cannot be a folder too' });
      if (code !== 'ENOENT' || attempt === 9) throw error;
    }
  }
}

async function statFile(path: string): Promise<BigIntStats | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    return found.isFile() ? found : undefined;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Keys with this prefix, in code-unit order. Links to files count as files; links to folders are not followed. */
async function keysBelow(root: string, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  const visit = async (folder: string, above: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    for (const entry of entries) {
      const key = above + entry.name;
      if (key === reservedSegment) continue;
      if (entry.isDirectory()) {
        const inside = `${key}/`;
        if (inside.startsWith(prefix) || prefix.startsWith(inside)) await visit(join(folder, entry.name), inside);
      } else if (key.startsWith(prefix)) keys.push(key);
    }
  };
  await visit(root, '');
  return keys.sort(byCodeUnit);
}

async function removeEmptyFolders(folder: string, root: string): Promise<void> {
  for (let at = folder; at.startsWith(root + sep); at = dirname(at)) {
    try {
      await rmdir(at);
    } catch (error) {
      if (['ENOTEMPTY', 'EEXIST', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return;
      throw error;
    }
  }
}

/** Unfinished writes of processes that are gone. */
async function removeLeftovers(parts: string): Promise<void> {
  for (const name of await readdir(parts)) {
    const owner = /^part-(.*)-[0-9a-f]+$/.exec(name)?.[1];
    if (owner !== undefined && !mayBeAlive(owner)) await rm(join(parts, name), { force: true });
  }
}

function undefinedIfMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}

/** Gives the file system's refusals their names. */
async function reporting<T>(operation: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (cause instanceof EspalierError || code === undefined) throw cause;
    if (isDiskFull(cause)) fail('DiskFull', { path, what: 'an object' }, { cause });
    if (code.startsWith('E') && (cause as NodeJS.ErrnoException).syscall)
      fail('FolderUnusable', { path, operation, why: code }, { cause });
    throw cause;
  }
}
