import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { EspalierError, fail } from '../../api/errors.js';
import { readTextIfThere, writeFileAtomically } from '../../common/files.js';
import { byCodeUnit, canonicalJson, sha256, sha256Stream } from '../../common/hash.js';
import type { Base, TensorLocation } from './base.js';
import { type CacheDeps, ensureCached, hashBase, readCached } from './cache.js';
import { parseModelSpec } from './config.js';
import type { JsonObject } from './fields.js';
import { alignmentBytes } from './safetensors/format.js';
import type { DeclaredTensor } from './safetensors/write.js';
import { seal, unseal } from './sealed.js';
import { kindOf, readFolder, relevantFiles } from './sources/folder.js';
import { readGgufModel } from './sources/ggufModel.js';
import { locateHub, parseHubSource } from './sources/hub.js';
import type { Located, LocateOptions, SourceDeps } from './sources/located.js';
import { locateInStore } from './sources/objectStore.js';
import type { SourceModel } from './sources/sourceModel.js';
import { locateWheel } from './sources/wheel.js';
import { checkTensors, expectedTensors } from './tensors.js';
import { checkTokenizer } from './tokenizerFit.js';

export interface BaseRequest {
  /** Alternatives: the first that is already here wins, then the first that can be had. */
  readonly sources: readonly string[];
  /** Branch, tag or commit for hub sources that name none. */
  readonly revision?: string;
}

export type BaseDeps = SourceDeps & CacheDeps;

/** Finds, fetches, checks and (where it is not float32 already) converts a base. */
export async function resolveBase({ sources, revision }: BaseRequest, deps: BaseDeps): Promise<Base> {
  const { source, located } = await locateFirst(sources, revision, deps);
  const named = sources.find((alternative) => alternative.startsWith('hf://'));
  const nameOrPath = named === undefined ? source : parseHubSource(named).id;
  return openLocated(located, { source, nameOrPath }, deps);
}

async function locateFirst(
  sources: readonly string[],
  revision: string | undefined,
  deps: SourceDeps,
): Promise<{ source: string; located: Located }> {
  if (sources.length > 1)
    for (const source of sources) {
      const located = await locate(source, { revision, only: 'cached' }, deps);
      if (located !== undefined) return { source, located };
    }
  const failures: { source: string; why: string }[] = [];
  let last: unknown;
  for (const source of sources) {
    try {
      const located = await locate(source, { revision }, deps);
      if (located !== undefined) return { source, located };
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      last = error;
      failures.push({ source, why: error.message });
      deps.log.info('this source of the base is not available', { source, why: error.message });
    }
  }
  if (sources.length === 1) throw last;
  return fail('BaseUnavailable', { attempts: failures }, { cause: last });
}

/** Worth trying the next alternative; anything else (a damaged file, a gate) is the user's to see. */
const isUnavailable = (error: unknown): error is EspalierError =>
  EspalierError.is(error, 'BaseMissing') ||
  EspalierError.is(error, 'WheelUnavailable') ||
  EspalierError.is(error, 'HubUnreachable');

function locate(source: string, options: LocateOptions, deps: SourceDeps): Promise<Located | undefined> {
  if (source.startsWith('hf://')) return locateHub(source, options, deps);
  if (source.startsWith('s3://')) return locateInStore(source, options, deps);
  if (source.startsWith('pypi://')) return locateWheel(source, options, deps);
  return locatePath(source, options, deps);
}

async function locatePath(
  source: string,
  { only }: LocateOptions,
  { workingFolder }: SourceDeps,
): Promise<Located | undefined> {
  const path = resolve(workingFolder, source);
  const kind = await kindOf(path);
  if (kind === undefined) return only === 'cached' ? undefined : fail('BaseMissing', { source });
  return { path, kind, revision: null, license: null };
}

interface Naming {
  readonly source: string;
  readonly nameOrPath: string;
}

/** What a base needs beside its configuration; kept in a cache marker, or in an index for folders used in place. */
interface Known {
  readonly baseSha256: string;
  readonly storedAs: string;
  readonly license: string | null;
  readonly revision: string;
  readonly tensors: Readonly<Record<string, TensorLocation>>;
}

async function openLocated(located: Located, naming: Naming, deps: BaseDeps): Promise<Base> {
  const key = await keyOf(located);
  const folder = join(deps.cacheDirectory, 'bases', key);
  const marker = await readCached(folder, deps.log);
  if (marker !== undefined) return baseOf(folder, marker, located, naming);
  const index = join(deps.cacheDirectory, 'in-place', `${key}.json`);
  const known = unseal<Known>((await readTextIfThere(index)) ?? '');
  if (known !== undefined) return baseOf(located.path, known, located, naming);

  const model = located.kind === 'folder' ? await readFolder(located.path) : await readGgufModel(located.path);
  const spec = parseModelSpec(model.config, model.generation);
  const expected = expectedTensors(spec);
  checkTensors(expected, model.tensors);
  checkTokenizer(located.path, model.files, spec.vocabSize);
  const declared: DeclaredTensor[] = [...expected].map(([name, shape]) => ({ name, dtype: 'F32', shape }));
  const inPlace = located.kind === 'folder' ? await tensorsInPlace(located.path, declared, model) : undefined;
  if (inPlace !== undefined) {
    const sorted = declared.sort((a, b) => byCodeUnit(a.name, b.name));
    const baseSha256 = await hashBase(sorted, (name) => model.tensors.get(name)!.read(), deps.signal);
    const { storedAs, license } = model;
    const found: Known = { baseSha256, storedAs, license, revision: '', tensors: inPlace };
    await writeFileAtomically(index, seal(found));
    return baseOf(located.path, found, located, naming);
  }
  const revision = async () =>
    located.kind === 'file' ? `sha256:${await sha256Stream(createReadStream(located.path))}` : '';
  return baseOf(folder, await ensureCached(folder, declared, model, revision, deps), located, naming);
}

/** Readable name plus a hash of where the files lie, their sizes and times: a changed base has another key. */
async function keyOf({ path, kind }: Located): Promise<string> {
  const folder = kind === 'folder' ? path : dirname(path);
  const names = kind === 'folder' ? relevantFiles(await readdir(path)) : [basename(path)];
  const files = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(folder, name));
      return [name, size, mtimeMs];
    }),
  );
  const hash = sha256(canonicalJson({ path: await realpath(path), files })).slice(0, 16);
  const slug = basename(path)
    .replace(/[^\w.-]+/g, '-')
    .slice(0, 40);
  return `${slug}-${hash}`;
}

/** Where every tensor lies, when the folder can be mapped as it is: float32, aligned, no link that leads out of it. */
async function tensorsInPlace(
  folder: string,
  declared: readonly DeclaredTensor[],
  model: SourceModel,
): Promise<Record<string, TensorLocation> | undefined> {
  const root = (await realpath(folder)) + sep;
  const inside = new Map<string, boolean>();
  const tensors: Record<string, TensorLocation> = {};
  for (const { name, shape } of declared) {
    const place = model.tensors.get(name)?.inPlace;
    if (!place || place.offset % alignmentBytes !== 0) return undefined;
    const { path, offset, bytes } = place;
    if (!inside.has(path)) inside.set(path, (await realpath(path)).startsWith(root));
    if (!inside.get(path)) return undefined;
    tensors[name] = { file: basename(path), offset, bytes, shape };
  }
  return tensors;
}

async function baseOf(
  directory: string,
  known: Known,
  located: Located,
  { source, nameOrPath }: Naming,
): Promise<Base> {
  const config = await readConfig(join(directory, 'config.json'));
  if (config === undefined) return fail('BaseMissing', { source: directory });
  const generation = (await readConfig(join(directory, 'generation_config.json'))) ?? {};
  const tensors = Object.entries(known.tensors).sort(([a], [b]) => byCodeUnit(a, b));
  return {
    directory,
    spec: parseModelSpec(config, generation),
    tensors: new Map(tensors),
    sha256: known.baseSha256,
    source,
    revision: located.revision ?? (known.revision || `sha256:${known.baseSha256}`),
    nameOrPath,
    license: located.license ?? known.license,
    storedAs: known.storedAs,
  };
}

const readConfig = async (path: string): Promise<JsonObject | undefined> => {
  const text = await readTextIfThere(path);
  return text === undefined ? undefined : (JSON.parse(text) as JsonObject);
};
