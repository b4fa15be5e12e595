/** Object storage as Espalier needs it. Implementations: s3, directory, memory; one contract suite for all. */
export interface Store {
  /** The object's bytes. Throws `ObjectMissing`. `range.end` is exclusive. */
  read(key: string, options?: ReadOptions): Promise<AsyncIterable<Uint8Array>>;
  /**
   * Publishes an object whole or not at all. Conditional outcomes are values, not errors:
   * `exists` when `ifAbsent` found one, `changed` when `ifMatch` did not match.
   */
  write(key: string, body: Body, options?: WriteOptions): Promise<WriteResult>;
  /** Undefined when there is no such object. */
  stat(key: string): Promise<StoredObject | undefined>;
  /** Every object whose key begins with `prefix`, in code-unit order, all of them or an error. */
  list(prefix: string): AsyncIterable<StoredObject>;
  /** Removing what is not there is success. */
  remove(key: string): Promise<void>;
  /** For messages and status, e.g. `s3://bucket/prefix/key`. */
  url(key: string): string;
}

export type Body = Uint8Array | { readonly file: string };

export interface ReadOptions {
  readonly range?: { readonly start: number; readonly end: number };
  readonly signal?: AbortSignal;
}

export interface WriteOptions {
  readonly ifAbsent?: boolean;
  /** An etag from `stat`. */
  readonly ifMatch?: string;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

export type WriteResult = 'written' | 'exists' | 'changed';

export interface StoredObject {
  readonly key: string;
  readonly sizeBytes: number;
  readonly etag: string;
}
