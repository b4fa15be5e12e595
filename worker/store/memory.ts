import { fail } from '../../api/errors.js';
import { byCodeUnit, sha256 } from '../../common/hash.js';
import { bodyChunks, collect } from './body.js';
import { checkKey } from './key.js';
import type { Store, StoredObject } from './store.js';

/** A store in this process's memory: for tests and the simulator. Its etag is the content's SHA-256. */
export function createMemoryStore(name = 'memory'): Store {
  const objects = new Map<string, { readonly bytes: Uint8Array; readonly etag: string }>();
  const url = (key: string) => `memory://${name}/${key}`;
  const describe = (key: string): StoredObject | undefined => {
    const object = objects.get(key);
    return object && { key, sizeBytes: object.bytes.byteLength, etag: object.etag };
  };
  return {
    url,
    async read(key, { range, signal } = {}) {
      checkKey(key);
      signal?.throwIfAborted();
      const object = objects.get(key) ?? fail('ObjectMissing', { url: url(key) });
      return bodyChunks(object.bytes, range?.start, range?.end);
    },
    async write(key, body, { ifAbsent, ifMatch, signal } = {}) {
      checkKey(key);
      signal?.throwIfAborted();
      // A copy, so that neither the caller's buffer nor its file can change what was stored.
      const bytes = Uint8Array.from(await collect(bodyChunks(body)));
      const present = objects.get(key);
      if (ifAbsent && present) return 'exists';
      if (ifMatch !== undefined && present?.etag !== ifMatch) return 'changed';
      objects.set(key, { bytes, etag: sha256(bytes) });
      return 'written';
    },
    async stat(key, { signal } = {}) {
      signal?.throwIfAborted();
      return describe(checkKey(key));
    },
    async *list(prefix, { signal } = {}) {
      for (const key of [...objects.keys()].filter((one) => one.startsWith(prefix)).sort(byCodeUnit)) {
        signal?.throwIfAborted();
        const found = describe(key);
        if (found) yield found;
      }
    },
    async remove(key, { signal } = {}) {
      signal?.throwIfAborted();
      objects.delete(checkKey(key));
    },
  };
}
