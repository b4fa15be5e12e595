import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';

/** The text of a file, or undefined when there is none. */
type ReadText = (path: string) => string | undefined;

/**
 * CPUs that this process may use: what the scheduler's affinity allows, and no more than the CPU limit of any control
 * group above us (v2 `cpu.max`, v1 `cpu.cfs_quota_us`), rounded up. A host's cores mean nothing inside a container.
 */
export function availableCpus(read: ReadText = readText, machine = availableParallelism()): number {
  const limits = groupFolders(read('/proc/self/cgroup') ?? '').map((folder) => limitIn(folder, read));
  return Math.max(1, Math.ceil(Math.min(machine, ...limits)));
}

/** Our control group's folder and those above it, for v2 and v1. In a container the root is the container's own group. */
function groupFolders(cgroup: string): string[] {
  const roots = { v2: '/sys/fs/cgroup', v1: '/sys/fs/cgroup/cpu' };
  const folders = Object.values(roots);
  for (const line of cgroup.split('\n')) {
    const [, controllers, path] = line.split(':');
    if (path === undefined || (controllers !== '' && !controllers!.split(',').includes('cpu'))) continue;
    const root = controllers === '' ? roots.v2 : roots.v1;
    for (let at = path; at !== '/' && at !== '.'; at = dirname(at)) folders.push(join(root, at));
  }
  return folders;
}

function limitIn(folder: string, read: ReadText): number {
  // `max 100000` or `150000 100000`: microseconds of CPU time in each period.
  const [quota, period] = (read(join(folder, 'cpu.max')) ?? '').trim().split(/\s+/).map(Number);
  if (quota! > 0 && period! > 0) return quota! / period!;
  const v1Quota = Number(read(join(folder, 'cpu.cfs_quota_us')));
  const v1Period = Number(read(join(folder, 'cpu.cfs_period_us')));
  return v1Quota > 0 && v1Period > 0 ? v1Quota / v1Period : Number.POSITIVE_INFINITY;
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
