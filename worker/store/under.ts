import { checkKey } from './key.js';
import type { Store } from './store.js';

/** The part of a store below `prefix` (no slash at either end; empty = all of it) as a store of its own. */
export function storeUnder(store: Store, prefix: string): Store {
  if (prefix === '') return store;
  const root = `${checkKey(prefix)}/`;
  const full = (key: string) => root + checkKey(key);
  return {
    read: async (key, options) => store.read(full(key), options),
    write: async (key, body, options) => store.write(full(key), body, options),
    stat: async (key, options) => {
      const found = await store.stat(full(key), options);
      return found && { ...found, key };
    },
    async *list(part, options) {
      for await (const object of store.list(root + part, options))
        yield { ...object, key: object.key.slice(root.length) };
    },
    remove: async (key, options) => store.remove(full(key), options),
    url: (key) => store.url(root + key),
  };
}
