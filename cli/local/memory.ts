import { readFile } from 'node:fs/promises';

/**
 * Memory of several processes together, pages that they share (the mapped base) counted once: the sum of proportional set
 * sizes. Resident sizes where the kernel does not tell those. Processes that have ended count nothing.
 */
export async function memoryOf(pids: readonly number[]): Promise<number> {
  const sizes = await Promise.all(pids.map(memoryOfOne));
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function memoryOfOne(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8').catch(() => '');
  const pss = /^Pss:\s+(\d+) kB/m.exec(rollup);
  if (pss) return Number(pss[1]) * 1024;
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}
