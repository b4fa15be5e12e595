import { open, readFile, rm } from 'node:fs/promises';
import { until } from './command.js';
import { lockFile } from './paths.js';

/** Runs `work` while no other `up` or `down` does; a lock whose holder is dead is taken over. */
export async function withLock<T>(work: () => Promise<T>): Promise<T> {
  await until(`the lock ${lockFile}, held by another \`npm run cluster\``, 900, acquire);
  try {
    return await work();
  } finally {
    await rm(lockFile, { force: true });
  }
}

async function acquire(): Promise<boolean> {
  try {
    const file = await open(lockFile, 'wx');
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const holder = Number(await readFile(lockFile, 'utf8').catch(() => ''));
  if (holder > 0 && !isRunning(holder)) await rm(lockFile, { force: true });
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
