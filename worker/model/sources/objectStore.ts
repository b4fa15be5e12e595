import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail } from '../../../api/errors.js';
import { writeFileAtomically } from '../../../common/files.js';
import { canonicalJson, sha256 } from '../../../common/hash.js';
import type { Store, StoredObject } from '../../store/store.js';
import { withLock } from '../cacheLock.js';
import { writeAll } from '../safetensors/bytes.js';
import { kindOf, relevantFiles } from './folder.js';
import type { Located, LocateOptions, SourceDeps } from './located.js';

/**
 * `s3://bucket/prefix` (a Hugging Face folder) or `s3://bucket/key.gguf`: objects are copied below Espalier's cache into a
 * folder named by their keys, sizes and etags, so a changed base is fetched again and an unchanged one is not.
 */
export async function locateInStore(
  source: string,
  { only }: LocateOptions,
  deps: SourceDeps,
): Promise<Located | undefined> {
  const url = source.replace(/\/+$/, '');
  const file = url.endsWith('.gguf') ? url.slice(url.lastIndexOf('/') + 1) : null;
  const store = await deps.openStore(file === null ? url : url.slice(0, -file.length - 1));
  if (only === 'cached') return undefined;
  const objects = await wantedObjects(source, store, file);
  const revision = sha256(canonicalJson(objects.map(({ key, sizeBytes, etag }) => [key, sizeBytes, etag])));
  const folder = join(deps.cacheDirectory, 'objects', sha256(url).slice(0, 16), revision.slice(0, 16));
  await mkdir(dirname(folder), { recursive: true });
  await withLock(`${folder}.lock`, null, deps, async () => {
    if ((await kindOf(join(folder, completeFile))) === 'file') return;
    await mkdir(folder, { recursive: true });
    for (const object of objects) await copy(store, object, join(folder, object.key), deps);
    await writeFileAtomically(join(folder, completeFile), JSON.stringify({ url, objects }));
  });
  return {
    path: file === null ? folder : join(folder, file),
    kind: file === null ? 'folder' : 'file',
    revision: `etags:${revision.slice(0, 16)}`,
    license: null,
  };
}

const completeFile = 'espalier-objects.json';

async function wantedObjects(source: string, store: Store, file: string | null): Promise<StoredObject[]> {
  const found: StoredObject[] = [];
  for await (const object of store.list(file ?? '')) if (!object.key.includes('/')) found.push(object);
  const names = new Set(file === null ? relevantFiles(found.map(({ key }) => key)) : [file]);
  const wanted = found.filter(({ key }) => names.has(key));
  if (wanted.length === 0 || (file === null && !names.has('config.json'))) fail('BaseMissing', { source });
  return wanted;
}

async function copy(
  store: Store,
  { key, sizeBytes }: StoredObject,
  path: string,
  { signal }: SourceDeps,
): Promise<void> {
  const partial = `${path}.${process.pid}.part`;
  try {
    const handle = await open(partial, 'w');
    try {
      const chunks = await store.read(key, signal ? { signal } : {});
      for await (const chunk of chunks) await writeAll(handle, chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const { size } = await stat(partial);
    if (size !== sizeBytes)
      fail('DownloadCorrupt', { file: store.url(key), expected: `${sizeBytes} bytes`, found: `${size} bytes` });
    await rename(partial, path);
  } catch (error) {
    await rm(partial, { force: true });
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC')
      fail('DiskFull', { path: dirname(path), what: key }, { cause: error });
    throw error;
  }
}
