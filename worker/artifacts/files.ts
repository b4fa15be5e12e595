import { copyFile, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { fail } from '../../api/errors.js';
import { isDiskFull, syncFolder, writeFileAtomically } from '../../common/files.js';
import { byCodeUnit } from '../../common/hash.js';

/** Writes one file of an export whole or not at all; a full disk is reported by its name. */
export async function writeArtifact(path: string, data: Uint8Array | string): Promise<void> {
  await namingFullDisks(path, () => writeFileAtomically(path, data));
}

/** Copies one file of an export, whole or not at all. */
export async function copyArtifact(from: string, to: string): Promise<void> {
  await namingFullDisks(to, async () => {
    await mkdir(dirname(to), { recursive: true });
    const temporary = `${to}.part`;
    try {
      await copyFile(from, temporary);
      const file = await open(temporary, 'r+');
      try {
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, to);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(dirname(to));
  });
}

export async function namingFullDisks<T>(path: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    if (isDiskFull(cause)) fail('DiskFull', { path, what: 'the export' }, { cause });
    throw cause;
  }
}

/** Files below a folder, relative, with `/`, in code-unit order; unfinished ones left out. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.part'))
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(folder.length + 1)
        .split(sep)
        .join('/'),
    )
    .sort(byCodeUnit);
}
