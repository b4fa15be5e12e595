import { EspalierError } from '../../../api/errors.js';
import type { Clock } from '../../../common/clock.js';
import type { Logger } from '../../../common/log.js';
import type { KubeClient, Selection } from './client.js';
import { textOf } from './http.js';
import type { KubernetesObject } from './objects.js';
import type { Resource } from './resources.js';

export interface ReflectorOptions<T extends KubernetesObject> {
  readonly client: KubeClient;
  readonly resource: Resource<T>;
  readonly selection: Selection;
  readonly clock: Clock;
  readonly log: Logger;
  /** [0, 1): spreads retries and resyncs. */
  readonly random: () => number;
  /** Must only take note: it is called for every object that came, changed or went, and again at each resync. */
  readonly onChange: (object: T) => void;
  /** What is kept of an object; defaults to all but managedFields. */
  readonly keep?: (object: T) => T;
  /** Finds objects that belong together without a look at all of them. */
  readonly groupOf?: (object: T) => string | undefined;
  readonly pageSize?: number;
  /** Every object is told again this often. */
  readonly resyncMs?: number;
}

/** All objects of one kind as of the last thing heard of the API server. */
export interface Mirror<T> {
  get(namespace: string, name: string): T | undefined;
  all(): IterableIterator<T>;
  /** Those that `groupOf` puts there. */
  group(name: string): readonly T[];
  readonly size: number;
}

/** A mirror that can be told what the API server has just answered, ahead of the watch. */
export interface NotableMirror<T> extends Mirror<T> {
  /**
   * The answer to our own write. What the watch has told already, or tells later of the same version, is not told again, and
   * nothing older than the answer is taken any more.
   */
  note(object: T): void;
}

export interface Reflector<T> extends NotableMirror<T> {
  /** Lists and watches until the signal is aborted; survives whatever the API server does. */
  run(signal: AbortSignal): Promise<void>;
  /** After the first whole list. */
  readonly synced: Promise<void>;
  /** When the API server was last heard, by the monotonic clock. */
  readonly heardAtMs: number;
}

const watchSeconds = 300;
/** The API server sends a bookmark about every minute: three missing ones are a connection that died without a word. */
const silenceMs = 190_000;
const firstDelayMs = 250;
const mostDelayMs = 30_000;

export function createReflector<T extends KubernetesObject>(options: ReflectorOptions<T>): Reflector<T> {
  return new ListWatch(options);
}

class ListWatch<T extends KubernetesObject> implements Reflector<T> {
  readonly #options: ReflectorOptions<T>;
  #objects = new Map<string, T>();
  readonly #groups = new Map<string, Map<string, T>>();
  #resourceVersion = '';
  #failures = 0;
  #heardAtMs: number;
  #tellSynced = () => {};
  readonly synced = new Promise<void>((resolve) => {
    this.#tellSynced = resolve;
  });

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#heardAtMs = options.clock.monotonic();
  }

  get(namespace: string, name: string): T | undefined {
    return this.#objects.get(`${namespace}/${name}`);
  }
  all(): IterableIterator<T> {
    return this.#objects.values();
  }
  group(name: string): readonly T[] {
    return [...(this.#groups.get(name)?.values() ?? [])];
  }
  get size(): number {
    return this.#objects.size;
  }
  get heardAtMs(): number {
    return this.#heardAtMs;
  }
  note(object: T): void {
    // A watch tells in order: at or behind what it has told, the answer is old news, of an object that may be gone by now.
    if (!isNewer(versionOf(object), this.#resourceVersion)) return;
    const key = keyOf(object);
    if (isNewer(versionOf(object), versionOf(this.#objects.get(key)))) this.#put(key, this.#kept(object));
  }

  async run(signal: AbortSignal): Promise<void> {
    const resyncing = this.#resync(signal);
    while (!signal.aborted) {
      try {
        if (this.#resourceVersion === '') await this.#relist(signal);
        await this.#watch(signal);
      } catch (error) {
        if (signal.aborted) break;
        await this.#pause(error, signal);
      }
    }
    await resyncing;
  }

  /** Pages of one consistent list; a token that has expired under way starts it anew. */
  async #relist(signal: AbortSignal): Promise<void> {
    const { client, resource, selection, pageSize = 500 } = this.#options;
    const found = new Map<string, T>();
    let token = '';
    for (;;) {
      const query = { ...selection, limit: pageSize, ...(token !== '' && { continueToken: token }) };
      const page = await client.list(resource, query, signal);
      if (page === 'expired') {
        found.clear();
        token = '';
        continue;
      }
      for (const object of page.items) found.set(keyOf(object), this.#kept(object));
      token = page.continueToken;
      if (token === '') {
        this.#replaceAll(found);
        this.#heard(page.resourceVersion);
        this.#tellSynced();
        return;
      }
    }
  }

  #replaceAll(found: Map<string, T>): void {
    const before = this.#objects;
    this.#objects = found;
    this.#groups.clear();
    for (const object of found.values()) this.#index(object);
    for (const [key, object] of found) if (versionOf(before.get(key)) !== versionOf(object)) this.#tell(object);
    for (const [key, object] of before) if (!found.has(key)) this.#tell(object);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, resource, selection, clock, random } = this.#options;
    const timeoutSeconds = Math.round(watchSeconds * (1 + random()));
    const watchdog = new AbortController();
    const ended = new AbortController();
    const watching = this.#guard(watchdog, AbortSignal.any([signal, ended.signal]));
    try {
      const query = { ...selection, resourceVersion: this.#resourceVersion, timeoutSeconds };
      for await (const { type, object } of client.watch(resource, query, AbortSignal.any([signal, watchdog.signal]))) {
        if (type === 'ERROR') throw asError(object);
        this.#failures = 0;
        this.#heardAtMs = clock.monotonic();
        if (type === 'DELETED') this.#drop(object);
        else if (type !== 'BOOKMARK') this.#take(object);
        this.#heard(versionOf(object) ?? this.#resourceVersion);
      }
    } finally {
      ended.abort();
      await watching;
    }
    // The end of an answer is normal; one that ends again and again at once is not.
    signal.throwIfAborted();
    await clock.sleep(firstDelayMs * random(), signal);
  }

  /** Aborts a watch that nothing was heard of: a half-open connection never fails by itself. */
  async #guard(watchdog: AbortController, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    this.#heardAtMs = clock.monotonic();
    try {
      while (clock.monotonic() - this.#heardAtMs < silenceMs)
        await clock.sleep(silenceMs - (clock.monotonic() - this.#heardAtMs), signal);
      watchdog.abort(new EspalierError('ApiUnreachable', { call: 'WATCH', what: `silent for ${silenceMs / 1000} s` }));
    } catch {
      // The watch ended first.
    }
  }

  #take(object: T): void {
    const key = keyOf(object);
    if (!isNewer(versionOf(object), versionOf(this.#objects.get(key)))) return;
    const kept = this.#kept(object);
    this.#put(key, kept);
    this.#tell(kept);
  }

  #put(key: string, kept: T): void {
    this.#unindex(this.#objects.get(key));
    this.#objects.set(key, kept);
    this.#index(kept);
  }

  #drop(object: T): void {
    const key = keyOf(object);
    // Another object took the name meanwhile, by our own creation.
    if (isNewer(versionOf(this.#objects.get(key)), versionOf(object))) return;
    this.#unindex(this.#objects.get(key));
    if (this.#objects.delete(key)) this.#tell(object);
  }

  #index(object: T): void {
    const name = this.#options.groupOf?.(object);
    if (name === undefined) return;
    const group = this.#groups.get(name) ?? new Map<string, T>();
    group.set(keyOf(object), object);
    this.#groups.set(name, group);
  }

  #unindex(object: T | undefined): void {
    const name = object && this.#options.groupOf?.(object);
    const group = name === undefined ? undefined : this.#groups.get(name);
    if (!object || !group || name === undefined) return;
    group.delete(keyOf(object));
    if (group.size === 0) this.#groups.delete(name);
  }

  #heard(resourceVersion: string): void {
    this.#resourceVersion = resourceVersion;
    this.#heardAtMs = this.#options.clock.monotonic();
  }

  #kept(object: T): T {
    if (object.metadata) delete object.metadata.managedFields;
    return this.#options.keep?.(object) ?? object;
  }

  #tell(object: T): void {
    try {
      this.#options.onChange(object);
    } catch (error) {
      this.#options.log.error('a handler of changes failed', { error: textOf(error) });
    }
  }

  async #pause(error: unknown, signal: AbortSignal): Promise<void> {
    const { clock, random, log, resource } = this.#options;
    const expired =
      EspalierError.is(error, 'ApiRefused') && (error.facts.code === 410 || error.facts.reason === 'Expired');
    // Anything the API server says against this version means that it must be asked for a new one.
    if (EspalierError.is(error, 'ApiRefused')) this.#resourceVersion = '';
    const ceilingMs = Math.min(mostDelayMs, firstDelayMs * 2 ** Math.min(this.#failures, 10));
    this.#failures += 1;
    log[expired ? 'debug' : 'warn'](`watching ${resource.plural} goes on after a pause`, { error: textOf(error) });
    await clock.sleep(ceilingMs * (0.5 + random() / 2), signal).catch(() => {});
  }

  async #resync(signal: AbortSignal): Promise<void> {
    const { clock, random, resyncMs } = this.#options;
    if (resyncMs === undefined) return;
    while (!signal.aborted) {
      await clock.sleep(resyncMs * (0.9 + 0.2 * random()), signal).catch(() => {});
      if (signal.aborted) return;
      for (const object of this.#objects.values()) this.#tell(object);
    }
  }
}

const keyOf = ({ metadata }: KubernetesObject): string => `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
/**
 * Versions of one resource are whole numbers that grow: Kubernetes says so since 1.35, and every API server over etcd has done
 * it before.
 */
const isNewer = (version: string | undefined, than: string | undefined): boolean =>
  than === undefined || than === '' || Number(version) > Number(than);
const versionOf = (object: KubernetesObject | undefined): string | undefined => object?.metadata?.resourceVersion;

/** An ERROR event carries a Status. */
function asError(object: unknown): EspalierError<'ApiRefused'> {
  const status = object as { readonly code?: number; readonly reason?: string; readonly message?: string };
  const facts = { code: status.code ?? 0, reason: status.reason ?? '', what: status.message ?? '' };
  return new EspalierError('ApiRefused', { call: 'WATCH', ...facts });
}
