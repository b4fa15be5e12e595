import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail } from '../../../api/errors.js';
import { withLock } from '../cacheLock.js';
import { writeAll } from '../safetensors/bytes.js';
import { type HubClient, type HubFile, retrying, Transient } from './hubClient.js';
import type { SourceDeps } from './located.js';

/**
 * Fetches one file of a commit to `blob` (named by its hash), resuming what an earlier try left and checking the hash.
 * Bytes that do not match are fetched once more from the start, then refused.
 */
export async function downloadBlob(
  client: HubClient,
  { id, commit, file }: { readonly id: string; readonly commit: string; readonly file: HubFile },
  blob: string,
  deps: SourceDeps,
): Promise<void> {
  const lock = join(deps.cacheDirectory, 'locks', `${file.digest.hex}.lock`);
  await mkdir(dirname(lock), { recursive: true });
  await mkdir(dirname(blob), { recursive: true });
  await withLock(lock, null, deps, async () => {
    if ((await sizeOf(blob)) === file.sizeBytes && (await digestOf(blob, file)) === file.digest.hex) return;
    const partial = `${blob}.incomplete`;
    for (let round = 1; ; round++) {
      await retrying(deps.hub.endpoint, deps, () => fetchRest(client, { id, commit, file }, partial));
      const found = await digestOf(partial, file);
      if (found === file.digest.hex) break;
      await rm(partial, { force: true });
      if (round === 2) fail('DownloadCorrupt', { file: `${id}/${file.name}`, expected: file.digest.hex, found });
      deps.log.warn('downloaded bytes have another hash, fetching again', { file: file.name, found });
    }
    await rename(partial, blob);
  });
}

async function fetchRest(
  client: HubClient,
  { id, commit, file }: { readonly id: string; readonly commit: string; readonly file: HubFile },
  partial: string,
): Promise<void> {
  let have = (await sizeOf(partial)) ?? 0;
  if (have > file.sizeBytes) {
    await rm(partial);
    have = 0;
  }
  if (have === file.sizeBytes && have > 0) return;
  const { start, body } = await client.open(id, commit, file.name, have);
  if (start !== have && start !== 0) throw new Transient(`bytes from ${start} instead of ${have}`);
  const handle = await open(partial, start === 0 ? 'w' : 'a');
  try {
    for await (const chunk of transientBody(body)) await writeAll(handle, chunk);
    await handle.sync();
    const { size } = await handle.stat();
    if (size < file.sizeBytes) throw new Transient(`the connection ended after ${size} of ${file.sizeBytes} bytes`);
  } finally {
    await handle.close();
  }
}

/** A connection that breaks within the body is worth another try, which resumes. */
async function* transientBody(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    const { cause, message } = error as Error;
    throw new Transient(cause instanceof Error ? cause.message : message, { cause: error });
  }
}

async function digestOf(path: string, { digest, sizeBytes }: HubFile): Promise<string> {
  const hash = digest.algorithm === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${sizeBytes}\0`);
  if (sizeBytes > 0 || (await sizeOf(path)) !== undefined)
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

const sizeOf = (path: string): Promise<number | undefined> =>
  stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
