import { resolve } from 'node:path';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import type { StoreReference } from '../config.js';
import { probeStore } from '../store/probe.js';
import type { Store } from '../store/store.js';
import type { Places } from './places.js';

export interface Destination {
  readonly store: Store;
  /** How workers find it: `s3://` with its endpoint, or a folder as an absolute path. */
  readonly reference: StoreReference;
}

/**
 * Opens the job's destination and tries it: reachable, writable, conditions honoured. A run of hours must not end at a
 * bucket that is not there.
 */
export async function openDestination(
  { spec }: FineTuneJob,
  places: Places,
  { workingFolder, signal }: { readonly workingFolder: string; readonly signal: AbortSignal },
): Promise<Destination> {
  const { destination, connection } = spec.output;
  const store = await places.store(destination, connection);
  await probeStore(store, { signal });
  if (!isUrl(destination)) return { store, reference: { url: resolve(workingFolder, destination) } };
  const { endpoint, region } = places.connection(connection);
  return { store, reference: { url: destination, ...(endpoint && { endpoint }), ...(region && { region }) } };
}

const isUrl = (destination: string): boolean => /^[a-z0-9]+:\/\//.test(destination);
