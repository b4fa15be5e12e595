import { fail } from '../../api/errors.js';
import { sha256Stream } from '../../common/hash.js';
import type { Cancellable, Store } from '../store/store.js';
import { type Manifest, manifestKey, readJson, recipePrefix } from './manifest.js';

/** Reads all that is published of a recipe and compares sizes and hashes with its manifest. */
export async function verifyPublished(store: Store, recipeHash: string, options: Cancellable = {}): Promise<Manifest> {
  const url = store.url(manifestKey(recipeHash));
  const manifest = await readJson<Manifest>(store, manifestKey(recipeHash), options);
  if (manifest === undefined) fail('PublicationMissing', { url });
  if (manifest === null || manifest.manifestVersion !== 1 || manifest.recipeHash !== recipeHash)
    fail('PublicationBroken', { url, what: 'its manifest is not of this recipe' });
  await verifyManifest(store, manifest, options);
  return manifest;
}

export async function verifyManifest(store: Store, manifest: Manifest, options: Cancellable): Promise<void> {
  for (const { path, sizeBytes, sha256 } of manifest.files) {
    const key = `${recipePrefix(manifest.recipeHash)}/${path}`;
    const broken = (what: string): never => fail('PublicationBroken', { url: store.url(key), what });
    const found = await store.stat(key, options);
    if (!found) broken('it is gone');
    if (found!.sizeBytes !== sizeBytes) broken(`it has ${found!.sizeBytes} bytes instead of ${sizeBytes}`);
    const digest = await sha256Stream(await store.read(key, options));
    if (digest !== sha256) broken(`its SHA-256 is ${digest} instead of ${sha256}`);
  }
  const adapter = manifest.files.find(({ path }) => path === 'adapter_model.safetensors');
  if (adapter?.sha256 !== manifest.adapterSha256)
    fail('PublicationBroken', {
      url: store.url(manifestKey(manifest.recipeHash)),
      what: 'its adapter is not the one it names',
    });
}
