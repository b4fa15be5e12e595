import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { preparedFiles } from '../recipe/prepared.js';
import type { Store } from '../store/store.js';

/** Below the destination: what belongs to trainings, beside what is published. */
export const internalPrefix = '.espalier';
export const preparedPrefix = (recipeHash: string): string => `${internalPrefix}/recipes/${recipeHash}`;
export const checkpointsPrefix = `${internalPrefix}/checkpoints`;

/** `recipe.json` comes last, so a prefix that has it is whole. Equal recipes have equal bytes: an existing one is left. */
export async function uploadPrepared(
  store: Store,
  recipeHash: string,
  folder: string,
  signal: AbortSignal,
): Promise<string> {
  const prefix = preparedPrefix(recipeHash);
  for (const file of preparedFiles)
    await store.write(`${prefix}/${file}`, { file: join(folder, file) }, { ifAbsent: true, signal });
  return store.url(prefix);
}

export async function downloadPrepared(
  store: Store,
  recipeHash: string,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const file of preparedFiles) {
    const bytes = await store.read(`${preparedPrefix(recipeHash)}/${file}`, { signal });
    await pipeline(Readable.from(bytes), createWriteStream(join(folder, file)), { signal });
  }
}
