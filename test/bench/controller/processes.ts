import { readFile } from 'node:fs/promises';

/** USER_HZ, which proc(5) counts in, is 100 on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** User and system time of one process. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  // Fields are counted after the name, which may hold anything; 14 and 15 of proc(5) are utime and stime.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Resident memory now, and the most that it ever was. */
export async function residentBytesOf(pid: number): Promise<{ readonly now: number; readonly peak: number }> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? Number.NaN) * 1024;
  return { now: bytes('VmRSS'), peak: bytes('VmHWM') };
}
