import { randomBytes } from 'node:crypto';
import { EspalierError, fail } from '../../api/errors.js';
import type { Store } from './store.js';

/**
 * Asks a store, before anything relies on it, whether it honours conditional writes: some servers accept the headers and
 * overwrite all the same. Leaves nothing behind, except where the credentials may not delete.
 */
export async function probeStore(store: Store, { signal }: { signal?: AbortSignal } = {}): Promise<void> {
  const key = `espalier-probe-${randomBytes(8).toString('hex')}`;
  const url = store.url(key);
  // Unlike bodies: with equal ones an answer lost on the way would look like success, as it should for real objects.
  await store.write(key, Buffer.from('first'), { ifAbsent: true, signal });
  try {
    if ((await store.write(key, Buffer.from('second'), { ifAbsent: true, signal })) !== 'exists')
      fail('StoreIgnoresConditions', { url, condition: 'If-None-Match' });
    const etag = (await store.stat(key, { signal }))?.etag ?? fail('ObjectMissing', { url });
    if ((await store.write(key, Buffer.from('third'), { ifMatch: etag, signal })) !== 'written')
      fail('StoreIgnoresConditions', { url, condition: 'If-Match (it refuses the right etag)' });
    if ((await store.write(key, Buffer.from('fourth'), { ifMatch: etag, signal })) !== 'changed')
      fail('StoreIgnoresConditions', { url, condition: 'If-Match' });
  } finally {
    await store.remove(key).catch((error) => {
      if (!EspalierError.is(error, 'CredentialsRejected')) throw error;
    });
  }
}
