import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import { manifestKey } from './artifacts/manifest.js';
import type { Store } from './store/store.js';

export interface PublicationWatchOptions {
  /** Where the artifact is published. */
  readonly store: Store;
  readonly recipeHash: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Told once: others have published this training. */
  readonly onFound: () => void;
}

/**
 * A worker that starts late, was stopped or cut off may be the only one that still trains: the others have finished without
 * it and are gone. So whoever has not gone forward for a while looks for the publication before computing anything.
 */
export interface PublicationWatch {
  readonly found: boolean;
  /** A step was applied here. */
  moved(): void;
  /** Resolves once it is known, as far as it can be, that the next leaf is of use. */
  beforeLeaf(): Promise<void>;
}

/** Without a step for this long others may have gone on alone: they suspect the silent after three seconds. */
const stillMs = 2000;

export function createPublicationWatch(options: PublicationWatchOptions): PublicationWatch {
  const { store, recipeHash, clock, log, signal, onFound } = options;
  let movedAtMs = clock.monotonic();
  /** It stood still, and has not looked since: what came in one go after a pause may have been the others' last words. */
  let due = true;
  let looking: Promise<void> | undefined;
  let found = false;
  const look = async (): Promise<void> => {
    try {
      found = (await store.stat(manifestKey(recipeHash), { signal })) !== undefined;
      if (found) onFound();
    } catch (error) {
      // A store that cannot be reached is no reason to stop: training again gives the same bits.
      if (!signal.aborted) log.warn('the publication could not be looked for', { error: String(error) });
    }
  };
  return {
    get found() {
      return found;
    },
    moved() {
      due ||= clock.monotonic() - movedAtMs >= stillMs;
      movedAtMs = clock.monotonic();
    },
    async beforeLeaf() {
      if (looking === undefined && !due && clock.monotonic() - movedAtMs < stillMs) return;
      looking ??= look().finally(() => {
        // The next look comes after another standstill.
        movedAtMs = clock.monotonic();
        due = false;
        looking = undefined;
      });
      await looking;
    },
  };
}
