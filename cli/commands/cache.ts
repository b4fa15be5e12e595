import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fail } from '../../api/errors.js';
import { nearest } from '../../api/nearest.js';
import { byCodeUnit } from '../../common/hash.js';
import { defineCommand, positional, toggle } from '../command.js';
import { bytesText } from '../render/units.js';

/** One folder below `<cache>/bases`. */
interface CachedBase {
  readonly name: string;
  readonly sizeBytes: number;
  /** ISO 8601, of the newest file. */
  readonly modified: string;
}

export const cacheLs = defineCommand({
  name: 'cache ls',
  summary: 'list the bases in the cache',
  args: z.strictObject({}),
  async *run(_args, { cacheDirectory }) {
    const folder = join(cacheDirectory, 'bases');
    const bases = await cachedBases(folder);
    const totalBytes = bases.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const rows = bases.map(
      ({ name, sizeBytes, modified }) => `${bytesText(sizeBytes).padStart(10)}  ${modified}  ${name}`,
    );
    yield {
      event: 'result',
      fields: { folder, bases, totalBytes },
      lines: [
        ...rows,
        `${bases.length} ${bases.length === 1 ? 'base' : 'bases'}, ${bytesText(totalBytes)} in ${folder}`,
      ],
    };
  },
});

export const cacheRm = defineCommand({
  name: 'cache rm',
  summary: 'remove bases from the cache; they are made again when needed',
  args: z.strictObject({
    names: positional(z.array(z.string()).default([]), 'NAME', 'as cache ls names them'),
    all: toggle('remove every base'),
  }),
  async *run({ names, all }, { cacheDirectory }) {
    const folder = join(cacheDirectory, 'bases');
    const present = await cachedBases(folder);
    const known = present.map(({ name }) => name);
    if (names.length === 0 && !all) {
      fail('ArgumentInvalid', {
        command: 'cache rm',
        argument: 'NAME',
        what: 'is missing',
        usage: 'espalier cache rm NAME... or espalier cache rm --all',
      });
    }
    const unknown = names.find((name) => !known.includes(name));
    if (unknown !== undefined) fail('CachedBaseUnknown', { written: unknown, nearest: nearest(unknown, known) });
    const removed = present.filter(({ name }) => all || names.includes(name));
    // Workers that have a removed file mapped keep it until they end.
    for (const { name } of removed) await rm(join(folder, name), { recursive: true, force: true });
    const freedBytes = removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    yield {
      event: 'result',
      fields: { folder, removed: removed.map(({ name }) => name), freedBytes },
      lines: [...removed.map(({ name }) => `removed ${name}`), `${bytesText(freedBytes)} freed`],
    };
  },
});

async function cachedBases(folder: string): Promise<CachedBase[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return Promise.all(names.sort(byCodeUnit).map((name) => measure(folder, name)));
}

async function measure(folder: string, name: string): Promise<CachedBase> {
  const root = join(folder, name);
  const below = (await stat(root)).isDirectory() ? await readdir(root, { recursive: true }) : [];
  const files = await Promise.all([root, ...below.map((path) => join(root, path))].map((path) => stat(path)));
  const sizeBytes = files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
  const newest = Math.max(...files.map((file) => file.mtimeMs));
  return { name, sizeBytes, modified: new Date(newest).toISOString() };
}
