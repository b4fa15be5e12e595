import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { byCodeUnit } from '../../common/hash.js';
import { openStore } from '../../worker/store/open.js';
import { mayBeAlive } from '../../worker/store/owner.js';
import { collectCheckpoints } from '../../worker/train/checkpoint.js';
import { defineCommand, flag, positional, toggle } from '../command.js';
import { bytesText } from '../render/units.js';

/** A folder below `.espalier/runs`: one training of this machine. */
interface Run {
  readonly name: string;
  readonly folder: string;
  readonly sizeBytes: number;
  /** ISO 8601. */
  readonly modified: string;
  readonly busy: boolean;
}

export const gc = defineCommand({
  name: 'gc',
  summary: 'remove the folders of runs and the checkpoints that nothing needs any more',
  args: z.strictObject({
    runs: positional(z.array(z.string()).default([]), 'RUN', 'runs to remove: at least four digits of the recipe hash'),
    olderThanDays: flag(z.coerce.number().min(0).optional(), 'DAYS', 'remove runs that nothing was written to since'),
    checkpoints: flag(
      z.string().min(1).optional(),
      'URL',
      'thin out the checkpoints below a folder or s3:// prefix instead, for every recipe in it',
    ),
    keepLast: flag(
      z.coerce.number().int().min(2).default(2),
      'N',
      'complete checkpoints that stay, with --checkpoints',
    ),
    endpoint: flag(z.string().min(1).optional(), 'URL', 'S3 endpoint, with --checkpoints'),
    dryRun: toggle('say what would be removed, and remove nothing'),
  }),
  async *run({ runs, olderThanDays, checkpoints, keepLast, endpoint, dryRun }, deps) {
    const { clock, workingDirectory, signal } = deps;
    if (checkpoints !== undefined) {
      const connection = endpoint === undefined ? {} : { endpoint, region: 'us-east-1' };
      const store = await openStore(checkpoints, connection, { clock, workingFolder: workingDirectory });
      const recipes = new Set<string>();
      for await (const { key } of store.list('', { signal }))
        if (/^[0-9a-f]{64}\//.test(key)) recipes.add(key.slice(0, 64));
      const removed: { recipeHash: string; steps: readonly number[] }[] = [];
      for (const recipeHash of recipes)
        removed.push({ recipeHash, steps: await collectCheckpoints(store, { recipeHash, keepLast, dryRun, signal }) });
      yield {
        event: 'result',
        fields: { url: store.url(''), removed, dryRun },
        lines: removed.map(({ recipeHash, steps }) =>
          steps.length === 0
            ? `${recipeHash.slice(0, 12)}  nothing to remove`
            : `${recipeHash.slice(0, 12)}  ${dryRun ? 'would remove' : 'removed'} steps ${[...steps].sort((a, b) => a - b).join(', ')}`,
        ),
      };
      return;
    }
    const present = await runsIn(join(workingDirectory, '.espalier', 'runs'));
    const before = olderThanDays === undefined ? undefined : clock.now() - olderThanDays * 86_400_000;
    const named = ({ name }: Run) => runs.some((run) => run.length >= 4 && name.startsWith(run.slice(0, name.length)));
    const old = ({ modified }: Run) => before !== undefined && Date.parse(modified) <= before;
    const chosen = present.filter((run) => named(run) || old(run));
    // A run that is being trained is never touched, whatever its age.
    const removed = chosen.filter(({ busy }) => !busy);
    if (!dryRun) for (const { folder } of removed) await rm(folder, { recursive: true, force: true });
    const freedBytes = removed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    const kept = present.filter((run) => !removed.includes(run));
    yield {
      event: 'result',
      fields: { removed: removed.map(({ name }) => name), kept: kept.map(({ name }) => name), freedBytes, dryRun },
      lines: [
        ...removed.map((run) => `${dryRun ? 'would remove' : 'removed'} ${described(run)}`),
        ...kept.map((run) => `kept    ${described(run)}${run.busy ? ', being trained' : ''}`),
        `${bytesText(freedBytes)} ${dryRun ? 'would be freed' : 'freed'}`,
      ],
    };
  },
});

const described = ({ name, sizeBytes, modified }: Run): string => `${name}  ${bytesText(sizeBytes)}  ${modified}`;

async function runsIn(root: string): Promise<Run[]> {
  const names = await readdir(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  return Promise.all(
    names.sort(byCodeUnit).map(async (name) => {
      const folder = join(root, name);
      const { mtimeMs, sizeBytes } = await measure(folder);
      return { name, folder, sizeBytes, modified: new Date(mtimeMs).toISOString(), busy: await isBusy(folder) };
    }),
  );
}

/** Its launcher, or a worker that is still saving its way out, is alive. */
async function isBusy(folder: string): Promise<boolean> {
  const workers = (await readdir(folder)).filter((name) => /^worker-\d+$/.test(name));
  const notes = ['launcher', ...workers.map((name) => join(name, 'process'))];
  const owners = await Promise.all(notes.map((note) => readFile(join(folder, note), 'utf8').catch(() => '')));
  return owners.some((owner) => owner !== '' && mayBeAlive(owner));
}

/** Size of everything below, and when the newest of it was written. Files that go meanwhile count nothing. */
async function measure(folder: string): Promise<{ mtimeMs: number; sizeBytes: number }> {
  const below = await readdir(folder, { recursive: true });
  const found = await Promise.all(
    [folder, ...below.map((path) => join(folder, path))].map((path) => stat(path).catch(() => undefined)),
  );
  const files = found.flatMap((file) => (file ? [file] : []));
  return {
    mtimeMs: Math.max(...files.map((file) => file.mtimeMs)),
    sizeBytes: files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0),
  };
}
