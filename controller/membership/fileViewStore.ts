import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../../common/files.js';
import type { View } from '../../elastic/view.js';
import type { ViewStore } from './viewStore.js';

const nameOf = (number: number): string => `view-${String(number).padStart(9, '0')}.json`;

/**
 * A folder with one file per view, on one machine. A file is written under a temporary name (O_EXCL), synced, and linked to
 * its own name: `link` fails if that exists, whatever other process made it, and never shows half a file.
 */
export function fileViewStore(folder: string): ViewStore {
  const newest = async (): Promise<View | undefined> => {
    const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const name = names
      .filter((file) => /^view-\d{9}\.json$/.test(file))
      .sort()
      .at(-1);
    return name === undefined ? undefined : (JSON.parse(await readFile(join(folder, name), 'utf8')) as View);
  };
  return {
    read: newest,
    async write(view) {
      await mkdir(folder, { recursive: true });
      if (view.number <= ((await newest())?.number ?? 0)) return 'taken';
      const temporary = join(folder, `${process.pid}-${randomBytes(6).toString('hex')}.part`);
      const file = await open(temporary, 'wx');
      try {
        await file.writeFile(JSON.stringify(view));
        await file.sync();
        await link(temporary, join(folder, nameOf(view.number)));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return 'taken';
        throw error;
      } finally {
        await file.close();
        await rm(temporary, { force: true });
      }
      await syncFolder(folder);
      return 'written';
    },
  };
}
