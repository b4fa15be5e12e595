import { fail } from '../../api/errors.js';
import { isDiskFull } from '../../common/files.js';

/** Gives a full disk its name, wherever in a run's folder it was met. */
export function namingFullDisk(folder: string, error: unknown): never {
  if (isDiskFull(error)) fail('DiskFull', { path: folder, what: 'files of the run' }, { cause: error });
  throw error;
}

/** What is written again soon, and is no reason to end anything. */
export async function ifThereIsRoom(write: Promise<void>): Promise<void> {
  await write.catch((error: unknown) => {
    if (!isDiskFull(error)) throw error;
  });
}
