import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../api/errors.js';
import type { Clock } from '../../common/clock.js';
import { linkIfAbsent, readTextIfThere } from '../../common/files.js';
import { mayBeAlive, ownerName } from './owner.js';

/** Mutual exclusion between the processes that use one folder. */
export interface FolderLock {
  hold<T>(action: () => Promise<T>, signal?: AbortSignal): Promise<T>;
}

const patienceMs = 10_000;
const pollMs = 10;
/** Other processes want their turn too. */
const mostHeldMs = 50;

/**
 * Locks are numbered files `lock-N`, made by link(2), which fails when the name is taken. Only its owner ever removes one,
 * and the lock of a dead owner stays for good: the next owner takes N + 1. So at any time the files are 1..k of dead owners
 * and at most k + 1 of a living one, and breaking a stale lock cannot remove a fresh one.
 */
export function createFolderLock(folder: string, clock: Clock): FolderLock {
  // Inside one process a queue is enough; the files then only settle what happens between processes.
  let tail: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  let held: { readonly path: string; readonly untilMs: number } | undefined;
  const letGo = async ({ path }: { readonly path: string }) => {
    held = undefined;
    await rm(path, { force: true });
  };
  return {
    hold(action, signal) {
      waiting++;
      const turn = tail.then(async () => {
        waiting--;
        try {
          signal?.throwIfAborted();
          held ??= { path: await acquire(folder, clock, signal), untilMs: clock.monotonic() + mostHeldMs };
          return await action();
        } finally {
          // Whoever is next in this process takes it over as it is.
          if (held && (waiting === 0 || clock.monotonic() >= held.untilMs)) await letGo(held);
        }
      });
      tail = turn.catch(() => undefined);
      return turn;
    },
  };
}

async function acquire(folder: string, clock: Clock, signal: AbortSignal | undefined): Promise<string> {
  await mkdir(folder, { recursive: true });
  const claim = join(folder, `claim-${process.pid}-${randomBytes(6).toString('hex')}`);
  await writeFile(claim, ownerName(), { flag: 'wx' });
  try {
    const deadline = clock.monotonic() + patienceMs;
    while (true) {
      const newest = await newestLock(folder);
      const holder = newest === 0 ? undefined : await readTextIfThere(join(folder, `lock-${newest}`));
      if (holder === undefined || !mayBeAlive(holder)) {
        const path = join(folder, `lock-${newest + 1}`);
        // A lock that vanished while it was looked at makes this name wrong by one; then look again.
        if ((newest === 0 || holder !== undefined) && (await linkIfAbsent(claim, path))) return path;
      } else if (clock.monotonic() > deadline) {
        fail('StoreLocked', { path: join(folder, `lock-${newest}`), holder });
      }
      await clock.sleep(pollMs, signal);
    }
  } finally {
    await rm(claim, { force: true });
  }
}

async function newestLock(folder: string): Promise<number> {
  const numbers = (await readdir(folder)).map((name) => Number(/^lock-(\d+)$/.exec(name)?.[1] ?? 0));
  return Math.max(0, ...numbers);
}
