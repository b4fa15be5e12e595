import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { EspalierError, fail } from '../../../api/errors.js';
import { readTextIfThere, writeFileAtomically } from '../../../common/files.js';
import { kindOf, relevantFiles } from './folder.js';
import type { HubClient, HubRepository } from './hubClient.js';
import type { Located, LocateOptions, SourceDeps } from './located.js';

interface HubSource {
  readonly id: string;
  readonly revision: string;
  /** A .gguf inside the repository; null = the repository is a Hugging Face folder. */
  readonly file: string | null;
}

/** `hf://owner/name[@revision][/file.gguf]`. */
export function parseHubSource(source: string, revision?: string): HubSource {
  const match = /^hf:\/\/([\w.-]+\/[\w.-]+)(?:@([^/]+))?(?:\/(.+))?$/.exec(source);
  if (!match) return fail('BaseMissing', { source });
  const [, id = '', stated, file = null] = match;
  if (file !== null && !file.endsWith('.gguf')) return fail('BaseMissing', { source });
  return { id, revision: stated ?? revision ?? 'main', file };
}

/**
 * Brings a repository's files into the hub's own cache layout (`models--owner--name/{blobs,snapshots,refs}`), which
 * Hugging Face's tools share. A commit that is complete here needs no network.
 */
export async function locateHub(
  source: string,
  { revision, only }: LocateOptions,
  deps: SourceDeps,
): Promise<Located | undefined> {
  const wanted = parseHubSource(source, revision);
  const isCommit = /^[0-9a-f]{40}$/.test(wanted.revision);
  const known = isCommit ? wanted.revision : await readRef(wanted, deps);
  const complete = known === undefined ? undefined : await readComplete(wanted, known, deps);
  if (complete !== undefined && (isCommit || only === 'cached')) return complete;
  if (only === 'cached') return undefined;
  // Loaded by those who fetch: every worker resolves a base, few from the hub.
  const { createHubClient } = await import('./hubClient.js');
  const client = createHubClient(deps.hub, deps);
  try {
    return await fetchSnapshot(client, source, wanted, deps);
  } catch (error) {
    if (complete === undefined || !EspalierError.is(error, 'HubUnreachable')) throw error;
    deps.log.warn('the hub cannot be reached: using the copy fetched before', { source, revision: complete.revision });
    return complete;
  } finally {
    await client.close();
  }
}

async function fetchSnapshot(client: HubClient, source: string, wanted: HubSource, deps: SourceDeps): Promise<Located> {
  const repository = await client.repository(wanted.id, wanted.revision);
  const { commit, license } = repository;
  const files = filesOf(source, wanted, repository);
  const { downloadBlob } = await import('./download.js');
  const folder = join(repositoryFolder(wanted, deps), 'snapshots', commit);
  for (const file of files) {
    deps.signal?.throwIfAborted();
    const blob = join(repositoryFolder(wanted, deps), 'blobs', file.digest.hex);
    await downloadBlob(client, { id: wanted.id, commit, file }, blob, deps);
    await linkTo(blob, join(folder, file.name));
  }
  await writeFileAtomically(
    completePath(wanted, commit, deps),
    JSON.stringify({ license, files: files.map(({ name }) => name) }),
  );
  if (wanted.revision !== commit)
    await writeFileAtomically(join(repositoryFolder(wanted, deps), 'refs', wanted.revision), commit);
  return locatedIn(folder, wanted, commit, license);
}

function filesOf(source: string, { file }: HubSource, { files }: HubRepository): HubRepository['files'] {
  if (file !== null)
    return files
      .filter(({ name }) => name === file)
      .concat(files.some(({ name }) => name === file) ? [] : fail('BaseMissing', { source }));
  const names = new Set(relevantFiles(files.map(({ name }) => name)));
  if (!names.has('config.json') || ![...names].some((name) => name.endsWith('.safetensors')))
    fail('BaseMissing', { source });
  return files.filter(({ name }) => names.has(name));
}

const locatedIn = (folder: string, { file }: HubSource, commit: string, license: string | null): Located => ({
  path: file === null ? folder : join(folder, file),
  kind: file === null ? 'folder' : 'file',
  revision: commit,
  license,
});

const repositoryFolder = ({ id }: HubSource, { hub }: SourceDeps): string =>
  join(hub.cacheDirectory, `models--${id.replace('/', '--')}`);

/** Our own mark that every wanted file of a commit was fetched and checked: Hugging Face's snapshots may be partial. */
const completePath = ({ id, file }: HubSource, commit: string, { cacheDirectory }: SourceDeps): string =>
  join(cacheDirectory, 'hub', id.replace('/', '--'), commit, `${encodeURIComponent(file ?? 'folder')}.json`);

async function readRef(wanted: HubSource, deps: SourceDeps): Promise<string | undefined> {
  const text = await readTextIfThere(join(repositoryFolder(wanted, deps), 'refs', wanted.revision));
  return text?.trim();
}

async function readComplete(wanted: HubSource, commit: string, deps: SourceDeps): Promise<Located | undefined> {
  const text = await readTextIfThere(completePath(wanted, commit, deps));
  if (text === undefined) return undefined;
  const { license, files } = JSON.parse(text) as { license: string | null; files: readonly string[] };
  const folder = join(repositoryFolder(wanted, deps), 'snapshots', commit);
  for (const name of files) if ((await kindOf(join(folder, name))) !== 'file') return undefined;
  return locatedIn(folder, wanted, commit, license);
}

async function linkTo(blob: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.link`;
  await rm(temporary, { force: true });
  await symlink(relative(dirname(path), blob), temporary);
  await rename(temporary, path);
}
