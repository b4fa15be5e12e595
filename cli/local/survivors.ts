import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../common/clock.js';
import { writeFileAtomically } from '../../common/files.js';
import { mayBeAlive, ownerName } from '../../worker/store/owner.js';

const fileOf = (folder: string, slot: number): string => join(folder, `worker-${slot}`, 'process');
const pollMs = 100;

/** Notes which process runs in a slot, for a launcher that comes after this one. */
export const noteWorker = (folder: string, slot: number, pid: number): Promise<void> =>
  writeFileAtomically(fileOf(folder, slot), ownerName(pid));

/**
 * Until the workers of an earlier launcher, which was killed, have ended. They read the end of their pipe, save a checkpoint
 * and go; whoever starts before that would begin at an older one.
 */
export async function awaitSurvivors(
  folder: string,
  slots: number,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  for (let slot = 0; slot < slots; slot++) {
    const owner = await readFile(fileOf(folder, slot), 'utf8').catch(() => undefined);
    while (owner !== undefined && mayBeAlive(owner)) await clock.sleep(pollMs, signal);
  }
}
