import { existsSync } from 'node:fs';
import { mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** Kubernetes' own period. */
const periodUs = 100_000;

export interface Quotas extends AsyncDisposable {
  /** `cgroup v1 cpu.cfs_quota_us` or `cgroup v2 cpu.max`. */
  readonly kind: string;
  /** From now on this process, all its threads, gets so many cores and no more. */
  limit(pid: number, cores: number): Promise<void>;
}

const hierarchies = [
  {
    kind: 'cgroup v1 cpu.cfs_quota_us',
    root: '/sys/fs/cgroup/cpu',
    mark: 'cpu.cfs_quota_us',
    limit: async (folder: string, quotaUs: number) => {
      await writeFile(join(folder, 'cpu.cfs_period_us'), String(periodUs));
      await writeFile(join(folder, 'cpu.cfs_quota_us'), String(quotaUs));
    },
  },
  {
    kind: 'cgroup v2 cpu.max',
    root: '/sys/fs/cgroup',
    mark: 'cgroup.subtree_control',
    limit: async (folder: string, quotaUs: number) =>
      await writeFile(join(folder, 'cpu.max'), `${quotaUs} ${periodUs}`),
  },
] as const;

/** Control groups of this benchmark; throws where the machine gives it none, for without quotas it would measure nothing. */
export async function openQuotas(): Promise<Quotas> {
  const found = hierarchies.find(({ root, mark }) => existsSync(join(root, mark)));
  if (found === undefined) throw new Error('CPU quotas need cgroups (v1 cpu or v2), and none are mounted here');
  const name = `espalier-bench-${process.pid}`;
  const made: string[] = [];
  return {
    kind: found.kind,
    async limit(pid, cores) {
      const folder = join(found.root, `${name}-${made.length}`);
      // At once: several are limited at the same time, each in a group of its own.
      made.push(folder);
      await mkdir(folder);
      await found.limit(folder, Math.round(cores * periodUs));
      await writeFile(join(folder, 'cgroup.procs'), String(pid));
    },
    async [Symbol.asyncDispose]() {
      for (const folder of made) await removeEmpty(folder);
    },
  };
}

/** A group can be removed once its last process is gone, which the kernel may notice a little late. */
async function removeEmpty(folder: string): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    const removed = await rmdir(folder).then(
      () => true,
      () => false,
    );
    if (removed) return;
    await setTimeout(100);
  }
  throw new Error(`the control group ${folder} is not empty`);
}
