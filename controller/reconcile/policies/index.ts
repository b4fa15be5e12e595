import type { Policy } from '../decide.js';
import { attempts } from './attempts.js';
import { deadline } from './deadline.js';
import { failure } from './failure.js';
import { preflight } from './preflight.js';
import { refuse } from './refuse.js';
import { remove } from './remove.js';
import { scale } from './scale.js';
import { success } from './success.js';
import { suspend } from './suspend.js';
import { train } from './train.js';
import { ttl } from './ttl.js';

/** In order of precedence. Each knows nothing of the others. */
export const policies: readonly Policy[] = [
  // Who deletes a job has the last word.
  remove,
  // What has ended stays ended, until it is removed.
  ttl,
  // Nothing is made for a job that cannot be.
  refuse,
  // A published adapter is a success, whatever happened on the way.
  success,
  // Ends that no retry changes come before every wish that would hide them.
  failure,
  // The user's wish to stop comes before anything new is made.
  suspend,
  // Only running time counts, so a suspended job never meets it.
  deadline,
  // The recipe comes first,
  preflight,
  // then the workers, as many attempts as it takes,
  attempts,
  // as many workers as are wanted now.
  scale,
  train,
];
