import { spawnSync } from 'node:child_process';
import { type FileHandle, mkdir, open, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';

/** A small file system of its own, so that it can be full. */
export interface SmallDisk extends Disposable {
  readonly folder: string;
  /** Takes all its room but about so many bytes. */
  fill(butBytes: number): Promise<void>;
  free(): Promise<void>;
}

/** Large ones for speed, then what still fits: a disk that fills slowly would be full when all is over. */
const blockBytes = [1 << 20, 4096];

/** Mounts one; the process must be allowed to (`unshare -rm` gives it a name space where it is). */
export async function mountDisk(folder: string, sizeBytes: number): Promise<SmallDisk> {
  await mkdir(folder, { recursive: true });
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'tmpfs', folder], { encoding: 'utf8' });
  if (mounted.status !== 0) throw new Error(`no small file system can be mounted here: ${mounted.stderr}`);
  const ballast = join(folder, '.ballast');
  return {
    folder,
    async fill(butBytes) {
      const file = await open(ballast, 'w');
      let filledBytes = 0;
      try {
        for (const bytes of blockBytes) filledBytes += await fillBy(file, bytes);
      } finally {
        await file.close();
      }
      if (butBytes > 0) await truncate(ballast, Math.max(0, filledBytes - butBytes));
    },
    free: () => rm(ballast, { force: true }),
    [Symbol.dispose]: () => void spawnSync('umount', ['-l', folder]),
  };
}

/** Answers how much was written. */
async function fillBy(file: FileHandle, bytes: number): Promise<number> {
  // Real blocks: a hole would take no space.
  const block = Buffer.alloc(bytes);
  for (let filledBytes = 0; ; ) {
    try {
      filledBytes += (await file.write(block)).bytesWritten;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return filledBytes;
      throw error;
    }
  }
}
