import type { PieceKey } from './event.js';
import type { Status } from './status.js';

/** What the driver must do, in this order, one after the other. Bytes live with the driver, under the same keys. */
export type Effect =
  /** into = left + right in f32, element by element; left and right are then dropped. */
  | {
      readonly kind: 'add';
      readonly step: number;
      readonly shard: number;
      readonly left: number;
      readonly right: number;
      readonly into: number;
    }
  | { readonly kind: 'drop'; readonly key: PieceKey }
  /** Forget all bytes of steps before this one. */
  | { readonly kind: 'forget'; readonly beforeStep: number }
  | { readonly kind: 'compute'; readonly step: number; readonly leaf: number }
  /** The result of a running leaf is not wanted any more. */
  | { readonly kind: 'abandon'; readonly step: number; readonly leaf: number }
  /** Answer `sent`. */
  | { readonly kind: 'send'; readonly to: string; readonly key: PieceKey }
  /** Answer `received` or `fetchFailed`. */
  | { readonly kind: 'fetch'; readonly from: string; readonly key: PieceKey }
  /** Fetch a peer's whole state and take it. Answer `restored` or `restoreFailed`. */
  | { readonly kind: 'restore'; readonly from: string }
  /** Compare the held bytes with this hash. Answer `diverged` if they differ. */
  | { readonly kind: 'compare'; readonly from: string; readonly key: PieceKey; readonly hash: string }
  /** All reduced shards of the step are held: give them to the optimizer. Answer `applied`. */
  | { readonly kind: 'apply'; readonly step: number; readonly root: number }
  | { readonly kind: 'tell'; readonly to: readonly string[]; readonly status: Status }
  /** Tell the oracle that this member could take part from `step`. */
  | { readonly kind: 'ready'; readonly step: number }
  /** The target is reached, and everybody reachable has what they need from here. */
  | { readonly kind: 'finished' }
  /** Everything is handed over (or the time for it is over). */
  | { readonly kind: 'left' }
  | { readonly kind: 'fault'; readonly fault: Fault };

export type Fault =
  | {
      readonly name: 'ViewConflict';
      readonly facts: { readonly view: number; readonly here: string; readonly there: string };
    }
  | {
      readonly name: 'NumericsDiverged';
      readonly facts: { readonly step: number; readonly node: number; readonly peer: string };
    };
