import type { Status } from './status.js';
import type { View } from './view.js';

/** A summed piece of a step: one shard of one tree node. The root's pieces are the reduced shards. */
export interface PieceKey {
  readonly step: number;
  readonly shard: number;
  readonly node: number;
}

export const pieceName = ({ step, shard, node }: PieceKey): string => `${step}/${shard}/${node}`;

/**
 * How a peer took a piece: `taken`; `covered` = it holds the same or an ancestor; `late` = it has committed that step;
 * `early` = it is too far behind to keep it; `failed` = it could not be delivered.
 */
export type Outcome = 'taken' | 'covered' | 'late' | 'early' | 'failed';

/** Everything that can happen to a worker. Time is only what `tick` says. */
export type ExchangeEvent =
  | { readonly kind: 'tick'; readonly nowMs: number }
  /** Train until this many steps are applied. */
  | { readonly kind: 'target'; readonly untilStep: number }
  | { readonly kind: 'view'; readonly view: View }
  /** The connection to a peer stands. */
  | { readonly kind: 'linkUp'; readonly peer: string }
  /** It closed, and one attempt to reconnect failed. */
  | { readonly kind: 'linkDown'; readonly peer: string }
  | { readonly kind: 'status'; readonly from: string; readonly status: Status }
  /** A peer's piece arrived, its bytes checked against the hash. */
  | { readonly kind: 'received'; readonly from: string; readonly key: PieceKey; readonly hash: string }
  | { readonly kind: 'sent'; readonly to: string; readonly key: PieceKey; readonly outcome: Outcome }
  | { readonly kind: 'fetchFailed'; readonly from: string; readonly key: PieceKey }
  | { readonly kind: 'computed'; readonly step: number; readonly leaf: number; readonly elapsedMs: number }
  /** An abandoned leaf has given its engine back without a result. */
  | { readonly kind: 'released'; readonly step: number; readonly leaf: number }
  | { readonly kind: 'applied'; readonly step: number }
  /** A peer's state was taken; it is the state of `step`. */
  | { readonly kind: 'restored'; readonly step: number }
  | { readonly kind: 'restoreFailed'; readonly from: string }
  /** A second copy had other bytes than the first. */
  | { readonly kind: 'diverged'; readonly from: string; readonly key: PieceKey }
  /** Hand over and leave. */
  | { readonly kind: 'leave' };
