import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from './deps.js';

/** Where converted bases are kept: $ESPALIER_CACHE, else $XDG_CACHE_HOME/espalier, else ~/.cache/espalier. */
export function cacheDirectory(env: Environment): string {
  if (env.ESPALIER_CACHE) return env.ESPALIER_CACHE;
  return join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), '.cache'), 'espalier');
}
