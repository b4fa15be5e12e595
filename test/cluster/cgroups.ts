import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from './command.js';

const root = '/sys/fs/cgroup';

/** Makes the cgroup below which a node's kubelet puts its pods, in every hierarchy of version 1 or in the one of 2. */
export async function makeCgroup(name: string): Promise<void> {
  for (const hierarchy of await hierarchies()) {
    const folder = join(hierarchy, name);
    await mkdir(folder, { recursive: true });
    // A new cpuset of version 1 starts empty and takes no process until it has processors and memory nodes.
    for (const file of ['cpuset.cpus', 'cpuset.mems']) {
      if (!existsSync(join(hierarchy, file))) continue;
      await writeFile(join(folder, file), await readFile(join(hierarchy, file)));
    }
  }
}

/** Removes a cgroup with all below it, once the processes that were killed have left it; runc makes it in both versions. */
export async function removeCgroup(name: string): Promise<void> {
  for (const hierarchy of [...(await mounted('cgroup')), ...(await mounted('cgroup2'))]) {
    const folder = join(hierarchy, name);
    await until(`the cgroup ${folder} is empty`, 10, () => removeTree(folder));
  }
}

async function removeTree(folder: string): Promise<boolean> {
  if (!existsSync(folder)) return true;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeTree(join(folder, entry.name));
  }
  await rmdir(folder);
  return true;
}

/** Hierarchies that hold controllers: those of version 1 where the machine has them, else the one of version 2. */
async function hierarchies(): Promise<readonly string[]> {
  const first = await mounted('cgroup');
  return first.length > 0 ? first : (await mounted('cgroup2')).filter((folder) => folder === root);
}

/** proc(5), mountinfo: the file system type follows the separator, the mount point is the fifth field. */
async function mounted(type: string): Promise<readonly string[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).trim().split('\n');
  return lines.map((line) => line.split(' ')).flatMap((fields) => (fields[fields.indexOf('-') + 1] === type ? [fields[4]!] : [])); // biome-ignore format: one thought
}
