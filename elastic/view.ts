import { byCodeUnit } from '../common/hash.js';

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

/** Two views that cannot both be true: one number, unlike members. */
export function viewConflict(
  known: View,
  other: View,
): { readonly view: number; readonly here: string; readonly there: string } | undefined {
  if (known.number !== other.number) return undefined;
  const [here, there] = [membersOf(known), membersOf(other)];
  return here === there ? undefined : { view: known.number, here, there };
}

/** `a, b, (c)`: members in order, those not admitted yet in brackets. */
export const membersOf = ({ members }: View): string =>
  [...members]
    .sort((a, b) => byCodeUnit(a.id, b.id))
    .map(({ id, joined }) => (joined ? id : `(${id})`))
    .join(', ');
