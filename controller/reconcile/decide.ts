import type { World } from './world.js';

/** What is to become of a job now. */
export type Decision =
  /** It is being deleted; its children go with it. */
  | { readonly kind: 'leave' }
  /** It was finished long enough ago. */
  | { readonly kind: 'remove' }
  /** Finished already: nothing may run any more. */
  | { readonly kind: 'rest' }
  | { readonly kind: 'complete'; readonly url?: string; readonly adapterSha256?: string }
  | { readonly kind: 'fail'; readonly reason: string; readonly message: string }
  /** No worker runs; what runs is asked to checkpoint and leave. */
  | { readonly kind: 'suspend' }
  /** The preflight runs, or is to run for the `tries`th time. */
  | { readonly kind: 'prepare'; readonly tries: number; readonly afterMs: number }
  /** It can never go on by itself; somebody has to do something. */
  | { readonly kind: 'stall'; readonly reason: string; readonly message: string }
  /** Fewer or more workers, up to now as many as `from`. */
  | { readonly kind: 'scale'; readonly from: number; readonly to: number }
  /** Workers of this attempt train. */
  | { readonly kind: 'train'; readonly attempt: number }
  /** The next attempt begins, once `afterMs` have passed. */
  | { readonly kind: 'retry'; readonly attempt: number; readonly afterMs: number; readonly because: string };

export type Policy = (world: World) => Decision | undefined;

/** The first policy with an opinion wins. */
export function decide(policies: readonly Policy[], world: World): Decision {
  for (const policy of policies) {
    const decision = policy(world);
    if (decision) return decision;
  }
  throw new TypeError('the last policy has an opinion on everything');
}
