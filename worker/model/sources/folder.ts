import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fail } from '../../../api/errors.js';
import { isObject, type JsonObject } from '../fields.js';
import type { TensorEntry } from '../safetensors/format.js';
import { readSafetensorsHeader, readTensorAsFloat32 } from '../safetensors/read.js';
import { mostOf, type SourceModel, type SourceTensor } from './sourceModel.js';

/** Small files that belong to a Hugging Face folder beside weights and configuration. */
export const companionFiles: readonly string[] = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'chat_template.json',
  'vocab.json',
  'merges.txt',
  'tokenizer.model',
  'README.md',
  'LICENSE',
];

/** The files of a Hugging Face folder that resolving it reads, of `names`. Weights of other frameworks are left alone. */
export function relevantFiles(names: readonly string[]): string[] {
  const weights = names.includes('model.safetensors.index.json')
    ? names.filter((name) => /^model-\d+-of-\d+\.safetensors$/.test(name) || name === 'model.safetensors.index.json')
    : names.filter((name) => name === 'model.safetensors');
  const small = ['config.json', 'generation_config.json', ...companionFiles];
  return [...names.filter((name) => small.includes(name)), ...weights].sort();
}

/** Reads a Hugging Face folder: one model.safetensors, or sharded with its index. */
export async function readFolder(directory: string): Promise<SourceModel> {
  const names = await readdir(directory);
  if (!names.includes('config.json')) fail('BaseMissing', { source: join(directory, 'config.json') });
  const config = await readJson(join(directory, 'config.json'));
  const entries = await readEntries(directory, names);
  const files = new Map<string, Uint8Array>();
  for (const name of companionFiles) if (names.includes(name)) files.set(name, await readFile(join(directory, name)));
  const readme = files.get('README.md');
  return {
    config,
    generation: names.includes('generation_config.json')
      ? await readJson(join(directory, 'generation_config.json'))
      : {},
    files,
    tensors: new Map([...entries].map(([name, { path, entry }]) => [name, sourceTensor(path, entry)])),
    storedAs: mostOf([...entries.values()].map(({ entry }) => ({ type: entry.dtype, bytes: entry.bytes }))),
    license: readme ? licenseOf(new TextDecoder().decode(readme)) : null,
  };
}

interface Placed {
  readonly path: string;
  readonly entry: TensorEntry;
}

async function readEntries(directory: string, names: readonly string[]): Promise<Map<string, Placed>> {
  if (!names.includes('model.safetensors.index.json')) {
    const path = join(directory, 'model.safetensors');
    const { tensors } = await readSafetensorsHeader(path);
    return new Map([...tensors].map(([name, entry]) => [name, { path, entry }]));
  }
  const map = (await readJson(join(directory, 'model.safetensors.index.json'))).weight_map;
  if (!isObject(map) || !Object.values(map).every((file) => typeof file === 'string' && basename(file) === file))
    return fail('ModelConfigInvalid', {
      field: 'weight_map',
      found: typeof map,
      expected: 'tensor names and file names',
    });
  const headers = new Map<string, ReadonlyMap<string, TensorEntry>>();
  for (const file of new Set(Object.values(map) as string[]))
    headers.set(file, (await readSafetensorsHeader(join(directory, file))).tensors);
  const placed = new Map<string, Placed>();
  for (const [name, file] of Object.entries(map) as [string, string][]) {
    const entry = headers.get(file)?.get(name);
    if (entry === undefined)
      fail('TensorMismatch', { tensor: name, found: `not in ${file}`, expected: 'there, by the index' });
    placed.set(name, { path: join(directory, file), entry });
  }
  return placed;
}

function sourceTensor(path: string, entry: TensorEntry): SourceTensor {
  const { shape, offset, bytes } = entry;
  const inPlace = entry.dtype === 'F32' ? { path, offset, bytes } : null;
  return { shape, inPlace, read: () => readTensorAsFloat32(path, entry) };
}

async function readJson(path: string): Promise<JsonObject> {
  const text = await readFile(path, 'utf8');
  const invalid = (cause?: unknown): never =>
    fail(
      'ModelConfigInvalid',
      { field: basename(path), found: text.slice(0, 40), expected: 'a JSON object' },
      { cause },
    );
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : invalid();
  } catch (error) {
    if (error instanceof SyntaxError) return invalid(error);
    throw error;
  }
}

/** `license:` of a model card's front matter. */
function licenseOf(readme: string): string | null {
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(readme)?.[1] ?? '';
  return /^license:\s*['"]?([^'"\s]+)/m.exec(front)?.[1] ?? null;
}

/** Is there a folder at `path`? Undefined when there is nothing. */
export async function kindOf(path: string): Promise<'folder' | 'file' | undefined> {
  try {
    return (await stat(path)).isDirectory() ? 'folder' : 'file';
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
