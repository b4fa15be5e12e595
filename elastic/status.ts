/**
 * All that a worker tells its peers beside bytes; the later one replaces the earlier one, so loss and reordering do no harm.
 * Leaf and shard lists speak of `step`.
 */
export interface Status {
  /** Rises with each status of this member; an older one is dropped. */
  readonly sequence: number;
  readonly view: number;
  /** Steps applied: acknowledges every step before it. */
  readonly step: number;
  /** Reduced shards of `retains .. step-1` can be fetched here. */
  readonly retains: number;
  readonly leaving: boolean;
  /** It has taken all the steps it was asked for. */
  readonly finished: boolean;
  /** It owns no shards in this step: it is much slower than the others. */
  readonly spared: boolean;
  readonly parallel: number;
  /** Cost units per millisecond and engine; 0 = not measured yet. */
  readonly rate: number;
  readonly running: readonly number[];
  readonly done: readonly number[];
  /** Shards it means to reduce and has not reduced yet. */
  readonly reducing: readonly number[];
  /** Leaves that it lacks for one of those. */
  readonly missing: readonly number[];
  /** Shards it holds reduced. */
  readonly reduced: readonly number[];
}
