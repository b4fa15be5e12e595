import type { Policy } from '../decide.js';
import { validJob } from '../world.js';

/** By the user's wish. */
export const suspend: Policy = (world) => (validJob(world)?.spec.suspend ? { kind: 'suspend' } : undefined);
