import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { Clock } from '../../common/clock.js';

interface Holder {
  readonly host: string;
  readonly pid: number;
  /** When the process began, in clock ticks since boot: a process id alone may have been given to another. */
  readonly startTicks: string | null;
  /** The unfinished folder to remove when the holder died. */
  readonly scratch: string | null;
}

const pollMs = 100;
const heartbeatMs = 5_000;
/** On another machine only the heartbeat shows life. */
const silentMs = 60_000;

/**
 * Runs `work` while holding `path`. The lock only saves work: what it guards is published by an atomic rename, so even two
 * holders at once do no harm. A lock whose process is gone is broken, and its scratch folder removed.
 */
export async function withLock<Result>(
  path: string,
  scratch: string | null,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal },
  work: () => Promise<Result>,
): Promise<Result> {
  const mine: Holder = { host: hostname(), pid: process.pid, startTicks: await startTicks(process.pid), scratch };
  while (!(await acquire(path, mine))) {
    signal?.throwIfAborted();
    if (await isStale(path, clock)) await breakLock(path);
    else await clock.sleep(pollMs, signal);
  }
  const heartbeat = setInterval(() => {
    const now = new Date(clock.now());
    utimes(path, now, now).catch(() => {}); // The lock was broken by someone who thought us dead: harmless, see above.
  }, heartbeatMs);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    if (isSame(await readHolder(path), mine)) await rm(path, { force: true });
  }
}

/** The content appears together with the name: a link to a file already written. */
async function acquire(path: string, holder: Holder): Promise<boolean> {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(temporary, JSON.stringify(holder), { flag: 'wx' });
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}

async function isStale(path: string, clock: Clock): Promise<boolean> {
  const holder = await readHolder(path);
  if (holder === undefined) return false;
  if (holder.host === hostname()) return (await startTicks(holder.pid)) !== holder.startTicks;
  const age =
    clock.now() -
    (await stat(path).then(
      (found) => found.mtimeMs,
      () => Number.POSITIVE_INFINITY,
    ));
  return age > silentMs;
}

async function breakLock(path: string): Promise<void> {
  const holder = await readHolder(path);
  const taken = `${path}.${randomBytes(4).toString('hex')}.stale`;
  try {
    await rename(path, taken);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (holder?.scratch) await rm(holder.scratch, { recursive: true, force: true });
  await rm(taken, { force: true });
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const isSame = (a: Holder | undefined, b: Holder): boolean =>
  a?.host === b.host && a.pid === b.pid && a.scratch === b.scratch;

/** Field 22 of /proc/<pid>/stat; null without such a process. Elsewhere than Linux: whether the process lives. */
async function startTicks(pid: number): Promise<string | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return process.platform !== 'linux' && isAlive(pid) ? 'alive' : null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
