import type { Store } from './store.js';

/** One call on a store. Calls are numbered from 0 in the order in which they were made. */
export interface StoreOperation {
  readonly index: number;
  readonly kind: 'read' | 'write' | 'stat' | 'list' | 'remove';
  readonly key: string;
}

/**
 * `before`: nothing happens, the caller sees the error. `after`: the operation happens, but its answer is lost.
 * `during` (reads and lists only): the first chunk arrives, then the error.
 */
export interface StoreFault {
  readonly when: 'before' | 'during' | 'after';
  readonly error: unknown;
}

export type FaultSchedule = (operation: StoreOperation) => StoreFault | undefined;

/** Any store, with faults at the addresses that `schedule` names. */
export function withFaults(store: Store, schedule: FaultSchedule): Store {
  let next = 0;
  const faultAt = (kind: StoreOperation['kind'], key: string) => schedule({ index: next++, kind, key });

  async function perform<T>(kind: StoreOperation['kind'], key: string, operation: () => Promise<T>): Promise<T> {
    const fault = faultAt(kind, key);
    if (fault?.when === 'before') throw fault.error;
    const result = await operation();
    if (fault) throw fault.error;
    return result;
  }

  return {
    url: (key) => store.url(key),
    write: (key, body, options) => perform('write', key, () => store.write(key, body, options)),
    stat: (key, options) => perform('stat', key, () => store.stat(key, options)),
    remove: (key, options) => perform('remove', key, () => store.remove(key, options)),
    async read(key, options) {
      const fault = faultAt('read', key);
      if (fault?.when === 'before') throw fault.error;
      return breaking(await store.read(key, options), fault);
    },
    list(prefix, options) {
      const fault = faultAt('list', prefix);
      if (fault?.when === 'before') return broken(fault.error);
      return breaking(store.list(prefix, options), fault);
    },
  };
}

async function* breaking<T>(
  items: AsyncIterable<T>,
  fault: StoreFault | undefined,
): AsyncGenerator<T, void, undefined> {
  for await (const item of items) {
    yield item;
    if (fault?.when === 'during') throw fault.error;
  }
  if (fault) throw fault.error;
}

// biome-ignore lint/correctness/useYield: a listing that fails at once yields nothing
async function* broken(error: unknown): AsyncGenerator<never, void, undefined> {
  throw error;
}
