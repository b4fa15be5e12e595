import type { Policy } from '../decide.js';
import { isFinished, timeMs, validJob } from '../world.js';

/** A finished job never runs again; it goes `ttlSecondsAfterFinished` after its end. */
export const ttl: Policy = (world) => {
  if (!isFinished(world.status)) return undefined;
  const keepSeconds = validJob(world)?.spec.ttlSecondsAfterFinished;
  if (keepSeconds === undefined) return { kind: 'rest' };
  const endedAtMs = timeMs(world.status.completionTime);
  return world.nowMs >= endedAtMs + keepSeconds * 1000 ? { kind: 'remove' } : { kind: 'rest' };
};
