import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * Names a process, this one if none is given, so that another one can tell later whether it still runs: host, pid, and the pid's start time
 * (clock ticks since boot, field 22 of /proc/PID/stat), since pids are used again.
 */
export const ownerName = (pid = process.pid): string => `${hostname()}:${pid}:${startTicks(pid) ?? 'unknown'}`;

/** False only when the owner is certainly gone; an owner on another host may always be alive. */
export function mayBeAlive(owner: string): boolean {
  const [host, pidText, start] = owner.split(':');
  const pid = Number(pidText);
  if (host !== hostname() || !Number.isInteger(pid) || pid <= 0) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
  const now = startTicks(pid);
  return now === undefined || start === 'unknown' || now === start;
}

function startTicks(pid: number): string | undefined {
  try {
    // The command name, in parentheses, may hold blanks; field 3 follows its closing parenthesis.
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
