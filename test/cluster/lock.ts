import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { until } from './command.js';
import { lockFile } from './paths.js';

/** Longer than anything that is done under a lock, on a slow machine: a build of Kubernetes from nothing. */
const mostSeconds = 2400;

/** Runs `work` while nobody else does under the same file; a lock whose holder is dead is taken over. */
export async function withLock<T>(work: () => Promise<T>, file = lockFile): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  await until(`the lock ${file}, held by another \`npm run cluster\` or \`npm test\``, mostSeconds, () =>
    acquire(file),
  );
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function acquire(lock: string): Promise<boolean> {
  try {
    const file = await open(lock, 'wx');
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const holder = Number(await readFile(lock, 'utf8').catch(() => ''));
  if (holder > 0 && !isRunning(holder)) await rm(lock, { force: true });
  return false;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
