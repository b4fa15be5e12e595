/** One worker process, for one life of it: a restarted process is another member. */
export interface Member {
  /** Pod UID (or local slot) and boot nonce; never used twice. */
  readonly id: string;
  /** `host:port` or `unix:/path`. */
  readonly address: string;
  /** False while it still fetches the state: it receives reduced shards, but owns no shard and computes no leaf. */
  readonly joined: boolean;
}

/** Who takes part, as the oracle saw it. A hint for assignment, and the fence for admission, collection and deletion. */
export interface View {
  /** From 1, one higher each time; exists only after a compare-and-swap. */
  readonly number: number;
  /** In code-unit order of id. */
  readonly members: readonly Member[];
}
