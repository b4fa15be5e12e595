import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '../../common/files.js';

/** What a training took so far, over all its launches; kept beside its checkpoints. */
export interface Spent {
  readonly seconds: number;
  readonly peakRssBytes: number;
}

const pathIn = (folder: string): string => join(folder, 'spent.json');

export async function readSpent(folder: string): Promise<Spent> {
  try {
    return JSON.parse(await readFile(pathIn(folder), 'utf8')) as Spent;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { seconds: 0, peakRssBytes: 0 };
    throw error;
  }
}

export const writeSpent = (folder: string, spent: Spent): Promise<void> =>
  writeFileAtomically(pathIn(folder), `${JSON.stringify(spent)}\n`);
