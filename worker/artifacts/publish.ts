import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../api/errors.js';
import { sha256Stream } from '../../common/hash.js';
import { collect } from '../store/body.js';
import type { Store } from '../store/store.js';
import { filesBelow } from './files.js';
import {
  type Latest,
  latestKey,
  type Manifest,
  manifestKey,
  type PublishedFile,
  readJson,
  recipePrefix,
} from './manifest.js';
import { verifyManifest } from './verify.js';
import { prettyJson } from './writeAdapter.js';

/** Files that tell of one particular run (times, cost): whichever attempt stored them first, stays. */
const runFiles: ReadonlySet<string> = new Set(['README.md', 'espalier.json']);

export interface PublishInput {
  /** Rooted at the job's destination. */
  readonly store: Store;
  /** What `exportArtifacts` wrote. */
  readonly folder: string;
  readonly recipeHash: string;
  readonly adapterSha256: string;
  readonly signal?: AbortSignal;
  readonly onFile?: (file: PublishedFile) => void;
}

export interface Publication {
  /** Where the files lie, e.g. `s3://bucket/models/0123456789ab/`. */
  readonly url: string;
  readonly manifest: Manifest;
  readonly outcome: 'published' | 'already published';
}

/**
 * Publishes an export below `<recipe>/` of the destination: the files, each read back; then manifest.json, which makes
 * them public; then latest.json. Every write is conditional and nothing is ever overwritten but latest.json, so any
 * number of publishers may run at once, or crash anywhere and run again: the result is the same. After it, the files in
 * `folder` are those that were published.
 */
export async function publish(input: PublishInput): Promise<Publication> {
  const { store, recipeHash, signal } = input;
  const url = store.url(`${recipePrefix(recipeHash)}/`);
  const present = await readManifest(input);
  if (present) await checkComplete(input, present);
  const manifest = present ?? (await publishFiles(input));
  // What this call itself stored has been read back on the way.
  if (present) await verifyManifest(store, present, { signal });
  await moveLatest(input, manifest);
  await adoptRunFiles(input, manifest);
  return { url, manifest, outcome: present ? 'already published' : 'published' };
}

async function publishFiles(input: PublishInput): Promise<Manifest> {
  const { store, folder, recipeHash, adapterSha256, signal, onFile } = input;
  const files: PublishedFile[] = [];
  for (const path of await filesBelow(folder)) {
    const file = await publishFile(input, path);
    onFile?.(file);
    files.push(file);
  }
  const manifest: Manifest = { manifestVersion: 1, recipeHash, adapterSha256, files };
  const body = Buffer.from(prettyJson(manifest));
  const result = await store.write(manifestKey(recipeHash), body, {
    ifAbsent: true,
    contentType: 'application/json',
    signal,
  });
  if (result !== 'exists') return manifest;
  // Somebody else published the same recipe in the meantime: theirs counts, if it is the same adapter and all there.
  const theirs = (await readManifest(input)) ?? fail('PublicationMissing', { url: store.url(manifestKey(recipeHash)) });
  await checkComplete(input, theirs);
  await verifyManifest(store, theirs, { signal });
  return theirs;
}

/** Stores one file unless it is there, and reads it back. */
async function publishFile({ store, folder, recipeHash, signal }: PublishInput, path: string): Promise<PublishedFile> {
  const local = join(folder, path);
  const key = `${recipePrefix(recipeHash)}/${path}`;
  const { size } = await stat(local);
  const ours = await sha256Stream(createReadStream(local));
  const there = await store.stat(key, { signal });
  if (!there) await store.write(key, { file: local }, { ifAbsent: true, contentType: contentType(path), signal });
  const stored = await hashStored(store, key, signal);
  if (stored.sha256 === ours && stored.sizeBytes === size) return { path, ...stored };
  if (runFiles.has(path)) return { path, ...stored };
  return fail('DestinationTaken', { url: store.url(key), what: 'SHA-256', found: stored.sha256, ours });
}

async function hashStored(store: Store, key: string, signal?: AbortSignal): Promise<Omit<PublishedFile, 'path'>> {
  let sizeBytes = 0;
  async function* counted() {
    for await (const chunk of await store.read(key, { signal })) {
      sizeBytes += chunk.byteLength;
      yield chunk;
    }
  }
  const sha256 = await sha256Stream(counted());
  return { sizeBytes, sha256 };
}

/** The manifest of this recipe at the destination, if there is one; one of anything else means that the place is taken. */
async function readManifest({ store, recipeHash, adapterSha256, signal }: PublishInput): Promise<Manifest | undefined> {
  const key = manifestKey(recipeHash);
  const manifest = await readJson<Manifest>(store, key, { signal });
  if (manifest === undefined) return undefined;
  const taken = (what: string, found: unknown, ours: string): never =>
    fail('DestinationTaken', { url: store.url(key), what, found: String(found), ours });
  if (manifest === null || manifest.manifestVersion !== 1) return taken('content', 'no manifest of Espalier', 'one');
  if (manifest.recipeHash !== recipeHash) taken('recipe', manifest.recipeHash, recipeHash);
  if (manifest.adapterSha256 !== adapterSha256) taken('adapter', manifest.adapterSha256, adapterSha256);
  return manifest;
}

/** An export may have more files than the one that was published, e.g. when `output.merged` was switched on later. */
async function checkComplete({ store, folder, recipeHash }: PublishInput, manifest: Manifest): Promise<void> {
  const published = new Set(manifest.files.map(({ path }) => path));
  const lacking = (await filesBelow(folder)).filter((path) => !published.has(path));
  if (lacking.length > 0) fail('PublishedWithout', { url: store.url(manifestKey(recipeHash)), files: lacking });
}

async function moveLatest({ store, signal }: PublishInput, { recipeHash, adapterSha256 }: Manifest): Promise<void> {
  while (true) {
    signal?.throwIfAborted();
    // The etag is asked for first: if the content is newer than it, the write below is refused and we look again.
    const before = await store.stat(latestKey, { signal });
    const latest = before && (await readJson<Latest>(store, latestKey, { signal }));
    if (before && latest?.latestVersion !== 1)
      fail('DestinationTaken', {
        url: store.url(latestKey),
        what: 'content',
        found: 'not of Espalier',
        ours: `a pointer to ${recipeHash}`,
      });
    if (latest && (latest.recipeHash === recipeHash || latest.superseded.includes(recipeHash))) return;
    const next: Latest = {
      latestVersion: 1,
      recipeHash,
      adapterSha256,
      manifest: manifestKey(recipeHash),
      superseded: latest ? [latest.recipeHash, ...latest.superseded].slice(0, 1000) : [],
    };
    const condition = before ? { ifMatch: before.etag } : { ifAbsent: true };
    const body = Buffer.from(prettyJson(next));
    if ((await store.write(latestKey, body, { ...condition, contentType: 'application/json', signal })) === 'written')
      return;
  }
}

/** Where another attempt's card and record were published, they replace ours in the folder. */
async function adoptRunFiles({ store, folder, recipeHash, signal }: PublishInput, manifest: Manifest): Promise<void> {
  for (const { path, sha256 } of manifest.files.filter(({ path: one }) => runFiles.has(one))) {
    const local = join(folder, path);
    if ((await sha256Stream(createReadStream(local))) === sha256) continue;
    await writeFile(local, await collect(await store.read(`${recipePrefix(recipeHash)}/${path}`, { signal })));
  }
}

const contentType = (path: string): string =>
  path.endsWith('.json') ? 'application/json' : path.endsWith('.md') ? 'text/markdown' : 'application/octet-stream';
