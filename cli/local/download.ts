import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fail } from '../../api/errors.js';
import { type Manifest, manifestKey, readJson, recipePrefix } from '../../worker/artifacts/manifest.js';
import type { Store } from '../../worker/store/store.js';

/** Copies what was published of a recipe into a folder, replacing what is there. */
export async function download(store: Store, recipeHash: string, folder: string, signal: AbortSignal): Promise<void> {
  const key = manifestKey(recipeHash);
  const manifest =
    (await readJson<Manifest>(store, key, { signal })) ?? fail('PublicationMissing', { url: store.url(key) });
  await rm(folder, { recursive: true, force: true });
  for (const { path } of manifest.files) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    const bytes = await store.read(`${recipePrefix(recipeHash)}/${path}`, { signal });
    await pipeline(Readable.from(bytes), createWriteStream(target));
  }
}
