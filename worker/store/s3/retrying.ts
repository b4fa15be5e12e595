import type { Clock } from '../../../common/clock.js';
import { type Call, describeFailure } from './failures.js';

export interface RetryDeps {
  readonly clock: Clock;
  readonly random: () => number;
}

export interface Attempt {
  /** An earlier attempt failed in a way that leaves open whether the store carried it out. */
  readonly mayHaveHappened: boolean;
}

const attempts = 6;
const firstDelayMs = 100;
const longestDelayMs = 5_000;

/** Runs `send` until it succeeds, fails for good, or has failed six times; waits with full jitter in between. */
export async function retrying<T>(
  call: Call,
  { clock, random }: RetryDeps,
  signal: AbortSignal | undefined,
  send: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  for (let number = 1; ; number++) {
    signal?.throwIfAborted();
    try {
      return await send({ mayHaveHappened: number > 1 });
    } catch (cause) {
      signal?.throwIfAborted();
      const failure = describeFailure(cause, call);
      if (!failure.retry || number === attempts) throw failure.error;
      await clock.sleep(random() * Math.min(longestDelayMs, firstDelayMs * 2 ** number), signal);
    }
  }
}
