/**
 * Object storage as Espalier needs it. Implementations: s3, directory, memory; one contract suite for all
 * (test/contracts/store.ts). Every write is durable and whole when its promise resolves.
 */
export interface Store {
  /** The object's bytes. Throws `ObjectMissing`. A range past the end yields what there is. */
  read(key: string, options?: ReadOptions): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Publishes an object whole or not at all. Conditional outcomes are values, not errors:
   * `exists` when `ifAbsent` found one, `changed` when `ifMatch` did not match (or found nothing).
   */
  write(key: string, body: Body, options?: WriteOptions): Promise<WriteResult>;
  /** Undefined when there is no such object. */
  stat(key: string, options?: Cancellable): Promise<StoredObject | undefined>;
  /** Every object whose key begins with `prefix`, in code-unit order, all of them or an error. */
  list(prefix: string, options?: Cancellable): AsyncIterable<StoredObject>;
  /** Removing what is not there is success. */
  remove(key: string, options?: Cancellable): Promise<void>;
  /** For messages and status, e.g. `s3://bucket/prefix/key`. */
  url(key: string): string;
}

/** Bytes, or a file that does not change until the write resolves (it is sent in parts, never held whole). */
export type Body = Uint8Array | { readonly file: string };

export interface Cancellable {
  readonly signal?: AbortSignal | undefined;
}

export interface ReadOptions extends Cancellable {
  /** Bytes from `start` up to, not including, `end`. */
  readonly range?: { readonly start: number; readonly end: number };
}

export interface WriteOptions extends Cancellable {
  readonly ifAbsent?: boolean;
  /** An etag from `stat`. */
  readonly ifMatch?: string;
  readonly contentType?: string;
}

export type WriteResult = 'written' | 'exists' | 'changed';

export interface StoredObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
}
