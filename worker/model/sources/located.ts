import type { Clock } from '../../../common/clock.js';
import type { Logger } from '../../../common/log.js';
import type { Store } from '../../store/store.js';
import type { HubSettings } from './hubSettings.js';

/** A base that lies on this machine, in its own format. */
export interface Located {
  /** A Hugging Face folder or a .gguf file. */
  readonly path: string;
  readonly kind: 'folder' | 'file';
  /** What a remote source resolved to; null for local paths (their content's hash stands for it). */
  readonly revision: string | null;
  readonly license: string | null;
}

export interface SourceDeps {
  /** Espalier's own cache: bases, downloads, locks. */
  readonly cacheDirectory: string;
  readonly hub: HubSettings;
  readonly openStore: (url: string) => Store | Promise<Store>;
  /** The Python whose pip fetches wheels; null where there is none. */
  readonly python: string | null;
  /** What relative paths are relative to. */
  readonly workingFolder: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal?: AbortSignal;
}

/** `only: 'cached'` = nothing may be fetched: undefined when it is not here yet. */
export interface LocateOptions {
  readonly revision?: string | undefined;
  readonly only?: 'cached' | undefined;
}
