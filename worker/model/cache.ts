import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail } from '../../api/errors.js';
import type { Clock } from '../../common/clock.js';
import { syncFolder, writeFileAtomically } from '../../common/files.js';
import { byCodeUnit, canonicalJson, sha256, sha256Stream } from '../../common/hash.js';
import type { Logger } from '../../common/log.js';
import type { TensorLocation } from './base.js';
import { withLock } from './cacheLock.js';
import { bytesOf } from './safetensors/bytes.js';
import { alignmentBytes } from './safetensors/format.js';
import { type DeclaredTensor, layoutSafetensors, writeSafetensors } from './safetensors/write.js';
import { seal, unseal } from './sealed.js';
import type { SourceModel } from './sources/sourceModel.js';

export const markerFile = 'espalier-base.json';
/** Raised when converted folders change, so that older ones are made again. */
const cacheVersion = 1;
/** Room for the small files of a base and the file system's own needs. */
const spareBytes = 64 * 2 ** 20;

export interface CacheDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal?: AbortSignal;
  /** Bytes that may still be written below a folder; for tests. */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/** What a finished cache folder says about itself; written last. */
export interface CacheMarker {
  readonly version: number;
  /** `Base.sha256`. */
  readonly baseSha256: string;
  readonly storedAs: string;
  readonly license: string | null;
  readonly revision: string;
  readonly tensors: Readonly<Record<string, TensorLocation>>;
  readonly files: Readonly<Record<string, FileMark>>;
}

interface FileMark {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  readonly sha256: string;
}

/** Reads a cache folder; undefined when it is absent, damaged or of another version. */
export async function readCached(folder: string, log: Logger): Promise<CacheMarker | undefined> {
  const marker = await readMarker(folder);
  if (marker === undefined) return undefined;
  const damaged = await damagedFile(folder, marker);
  if (damaged === undefined) return marker;
  log.warn('cached base is damaged and will be made again', { folder, file: damaged });
  return undefined;
}

async function readMarker(folder: string): Promise<CacheMarker | undefined> {
  try {
    const marker = unseal<CacheMarker>(await readFile(join(folder, markerFile), 'utf8'));
    return marker?.version === cacheVersion ? marker : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Size and time of change first; the hash only where the time moved (a copied cache, or a damaged one). */
async function damagedFile(folder: string, marker: CacheMarker): Promise<string | undefined> {
  for (const [name, mark] of Object.entries(marker.files)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.size !== mark.sizeBytes) return name;
    if (found.mtimeMs !== mark.mtimeMs && (await sha256Stream(createReadStream(path))) !== mark.sha256) return name;
  }
  return undefined;
}

/**
 * The f32 cache of a base: a complete Hugging Face folder, made once under a lock, published by rename. Another process
 * may fill it meanwhile: then its work is taken.
 */
export async function ensureCached(
  folder: string,
  declared: readonly DeclaredTensor[],
  model: SourceModel,
  revision: () => Promise<string>,
  deps: CacheDeps,
): Promise<CacheMarker> {
  await mkdir(dirname(folder), { recursive: true });
  const scratch = `${folder}.${process.pid}.${randomBytes(4).toString('hex')}.part`;
  return withLock(`${folder}.lock`, scratch, deps, async () => {
    const made = await readCached(folder, deps.log);
    if (made !== undefined) return made;
    try {
      await requireSpace(dirname(folder), declared, deps);
      await mkdir(scratch);
      const marker = await fill(scratch, declared, model, await revision(), deps);
      await replaceFolder(scratch, folder);
      return marker;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOSPC' || (error as NodeJS.ErrnoException).code === 'EFBIG')
        return fail('DiskFull', { path: dirname(folder), what: 'the float32 base' }, { cause: error });
      throw error;
    } finally {
      await rm(scratch, { recursive: true, force: true });
    }
  });
}

async function requireSpace(folder: string, declared: readonly DeclaredTensor[], deps: CacheDeps): Promise<void> {
  const needBytes = layoutSafetensors(declared).sizeBytes + spareBytes;
  const availableBytes = await (deps.freeBytes ?? freeBytes)(folder);
  if (availableBytes < needBytes) fail('CacheSpaceShort', { folder, needBytes, availableBytes });
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

async function fill(
  scratch: string,
  declared: readonly DeclaredTensor[],
  model: SourceModel,
  revision: string,
  { signal, log }: CacheDeps,
): Promise<CacheMarker> {
  log.info('converting the base to float32', { tensors: declared.length, storedAs: model.storedAs });
  const weights = await writeWeights(scratch, declared, model, signal);
  const small = new Map<string, Uint8Array>(model.files);
  const json = (value: unknown) => new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
  // transformers loads in the type named here: bfloat16 would round what was just converted.
  const { dtype: _dtype, ...config } = model.config;
  small.set('config.json', json({ ...config, torch_dtype: 'float32' }));
  small.set('generation_config.json', json(model.generation));
  if (weights.index !== null) small.set('model.safetensors.index.json', json(weights.index));
  const files: Record<string, FileMark> = {};
  const mark = async (name: string, hash: string) => {
    const { size, mtimeMs } = await stat(join(scratch, name));
    files[name] = { sizeBytes: size, mtimeMs, sha256: hash };
  };
  for (const [name, hash] of weights.hashes) await mark(name, hash);
  for (const [name, bytes] of small) {
    await writeFileAtomically(join(scratch, name), bytes);
    await mark(name, sha256(bytes));
  }
  const { storedAs, license } = model;
  const { baseSha256, tensors } = weights;
  const marker: CacheMarker = { version: cacheVersion, baseSha256, storedAs, license, revision, tensors, files };
  await writeFileAtomically(join(scratch, markerFile), seal(marker));
  return marker;
}

interface WrittenWeights {
  readonly baseSha256: string;
  readonly tensors: Record<string, TensorLocation>;
  /** File name -> SHA-256. */
  readonly hashes: ReadonlyMap<string, string>;
  readonly index: object | null;
}

/**
 * One model.safetensors. The format allows no gap, so a tensor that is no multiple of 64 bytes would misalign those behind
 * it: such a tensor ends a file of its own (models of real sizes have none).
 */
async function writeWeights(
  folder: string,
  declared: readonly DeclaredTensor[],
  model: SourceModel,
  signal: AbortSignal | undefined,
): Promise<WrittenWeights> {
  const sorted = [...declared].sort((a, b) => byCodeUnit(a.name, b.name));
  const groups = groupByAlignment(sorted);
  const fileNames = groups.map((_, index) => weightFile(index, groups.length));
  const tensors: Record<string, TensorLocation> = {};
  const hashes = new Map<string, string>();
  // The base's identity runs over all tensors by name; with several files that order is not the order of writing.
  const identity = groups.length === 1 ? createBaseHash() : undefined;
  for (const [index, group] of groups.entries()) {
    const file = fileNames[index]!;
    const produce = async ({ name, shape }: DeclaredTensor) => {
      const values = await model.tensors.get(name)!.read();
      identity?.add(name, shape, values);
      return values;
    };
    const options = { metadata: { format: 'pt' }, ...(signal ? { signal } : {}) };
    const written = await writeSafetensors(join(folder, file), group, produce, options);
    hashes.set(file, written.sha256);
    for (const { name, offset, bytes, shape } of written.entries) tensors[name] = { file, offset, bytes, shape };
  }
  const baseSha256 = identity?.digest() ?? (await hashBase(sorted, (name) => model.tensors.get(name)!.read(), signal));
  const weightMap = Object.fromEntries(sorted.map(({ name }) => [name, tensors[name]!.file]));
  const total = Object.values(tensors).reduce((sum, { bytes }) => sum + bytes, 0);
  const index = groups.length === 1 ? null : { metadata: { total_size: total }, weight_map: weightMap };
  return { baseSha256, tensors, hashes, index };
}

function groupByAlignment(sorted: readonly DeclaredTensor[]): DeclaredTensor[][] {
  const isAligned = ({ shape }: DeclaredTensor) => (4 * shape.reduce((a, b) => a * b, 1)) % alignmentBytes === 0;
  const aligned = sorted.filter(isAligned);
  const others = sorted.filter((tensor) => !isAligned(tensor)).map((tensor) => [tensor]);
  return aligned.length > 0 ? [aligned, ...others] : others;
}

const weightFile = (index: number, count: number): string => {
  const number = (value: number) => String(value).padStart(5, '0');
  return count === 1 ? 'model.safetensors' : `model-${number(index + 1)}-of-${number(count)}.safetensors`;
};

/** `Base.sha256`: per tensor in order of name one line of JSON `[name, shape]`, then its float32 bytes. */
export function createBaseHash() {
  const hash = createHash('sha256');
  return {
    add: (name: string, shape: readonly number[], values: ArrayBufferView) => {
      hash.update(`${canonicalJson([name, shape])}\n`).update(bytesOf(values));
    },
    digest: () => hash.digest('hex'),
  };
}

/** The identity of tensors sorted by name, one in memory at a time. */
export async function hashBase(
  sorted: readonly DeclaredTensor[],
  read: (name: string) => Promise<Float32Array>,
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createBaseHash();
  for (const { name, shape } of sorted) {
    signal?.throwIfAborted();
    hash.add(name, shape, await read(name));
  }
  return hash.digest();
}

/** Puts `scratch` in the place of `folder`, which may hold a damaged cache. */
async function replaceFolder(scratch: string, folder: string): Promise<void> {
  await syncFolder(scratch);
  const old = `${folder}.${randomBytes(4).toString('hex')}.old`;
  await rename(folder, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(scratch, folder);
  await syncFolder(dirname(folder));
  await rm(old, { recursive: true, force: true });
}
