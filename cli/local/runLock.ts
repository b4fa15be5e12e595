import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../api/errors.js';
import { mayBeAlive, ownerName } from '../../worker/store/owner.js';

/** Holds a run's folder for this process. A lock whose process is gone is taken over. Throws `RunBusy`. */
export async function lockRun(folder: string): Promise<AsyncDisposable> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'launcher');
  const mine = `${path}.${process.pid}`;
  // Linked into place whole: who reads the lock never sees it without its owner.
  await writeFile(mine, ownerName());
  try {
    for (;;) {
      try {
        await link(mine, path);
        return { [Symbol.asyncDispose]: () => rm(path, { force: true }) };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        const owner = await readFile(path, 'utf8').catch(() => '');
        if (owner !== '' && mayBeAlive(owner)) fail('RunBusy', { folder, pid: Number(owner.split(':')[1]) });
        await rm(path, { force: true });
      }
    }
  } finally {
    await rm(mine, { force: true });
  }
}
