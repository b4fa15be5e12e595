import type { Prepare } from '../deps.js';

/** Placeholder of the composition root: the local mode replaces this file. */
export const prepare: Prepare = async function* () {};
