import { type FileHandle, open } from 'node:fs/promises';
import { fail } from '../../api/errors.js';

/** A file of weights for reading, in whichever format. @throws BaseMissing */
export async function openWeights(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return fail('BaseMissing', { source: path }, { cause });
    throw cause;
  }
}
