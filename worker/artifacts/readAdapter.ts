import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../api/errors.js';
import { byCodeUnit } from '../../common/hash.js';
import { sitesOf } from '../adapter/sites.js';
import { readSafetensorsHeader, readTensorAsFloat32 } from '../model/safetensors/read.js';
import type { ModelSpec } from '../model/spec.js';
import { type Adapter, type AdapterTensorValue, loraKey } from './adapter.js';
import { checkFinite } from './checks.js';
import { type LoraConfig, loraConfig, rankAndScale } from './readConfig.js';
import { scaleInto } from './serving.js';
import { adapterConfigFile, adapterFile } from './writeAdapter.js';

/**
 * Reads an adapter in PEFT's layout, ours or one made by PEFT. Modules of unlike rank or scale (rank_pattern,
 * alpha_pattern) come back with one rank, padded by zeros, and their scales folded into B.
 * @param spec the base it is meant for, when known: modules and shapes are checked against it.
 */
export async function readAdapter(folder: string, spec?: ModelSpec): Promise<Adapter> {
  const config = loraConfig(folder, await readConfigFile(folder));
  const tensors = await readTensors(folder);
  const modules = pairedModules(folder, tensors);
  const settings = modules.map((path) => {
    const { rank, scale, alpha } = rankAndScale(config, path);
    const a = tensors.get(loraKey(path, 'A'))!;
    const b = tensors.get(loraKey(path, 'B'))!;
    if (a.shape.length !== 2 || b.shape.length !== 2 || a.shape[0] !== rank || b.shape[1] !== rank)
      fail('AdapterInvalid', {
        path: folder,
        what: `${path} has A [${a.shape}] and B [${b.shape}], but adapter_config.json says rank ${rank}`,
      });
    return { path, rank, scale, alpha, a, b };
  });
  if (spec) checkFits(folder, spec, settings);
  const adapter = { method: methodOf(config, modules, settings[0]!), tensors };
  checkFinite(adapter);
  const first = settings[0]!;
  if (settings.every(({ rank, scale }) => rank === first.rank && scale === first.scale)) return adapter;
  return scaleInto(adapter.method, settings, Math.max(...settings.map(({ rank }) => rank)));
}

const methodOf = (
  config: LoraConfig,
  modules: readonly string[],
  { rank, scale, alpha }: { readonly rank: number; readonly scale: number; readonly alpha: number },
): Adapter['method'] => ({
  name: 'lora',
  rank,
  scale,
  alpha,
  rsLora: config.rsLora,
  // Dropout and initialisation belong to training; a loaded adapter only runs.
  dropout: 0,
  modules,
  init: { type: 'kaiming', seed: 0 },
});

async function readConfigFile(folder: string): Promise<string> {
  try {
    return await readFile(join(folder, adapterConfigFile), 'utf8');
  } catch (cause) {
    return missing(folder, adapterConfigFile, cause);
  }
}

async function readTensors(folder: string): Promise<ReadonlyMap<string, AdapterTensorValue>> {
  const path = join(folder, adapterFile);
  const header = await readSafetensorsHeader(path).catch((error) =>
    error.name === 'BaseMissing' ? missing(folder, adapterFile, error) : Promise.reject(error),
  );
  const tensors = new Map<string, AdapterTensorValue>();
  for (const entry of header.tensors.values())
    tensors.set(entry.name, { shape: entry.shape, data: await readTensorAsFloat32(path, entry) });
  return new Map([...tensors].sort(([a], [b]) => byCodeUnit(a, b)));
}

function missing(path: string, file: string, cause: unknown): never {
  const { code, name } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR' || name === 'BaseMissing')
    fail('AdapterMissing', { path, file }, { cause });
  throw cause;
}

/** Module paths in code-unit order; every tensor must belong to a pair. */
function pairedModules(folder: string, tensors: ReadonlyMap<string, AdapterTensorValue>): readonly string[] {
  if (tensors.size === 0) fail('AdapterEmpty', { name: folder });
  const paths = new Set<string>();
  for (const key of tensors.keys()) {
    const path = /^base_model\.model\.(.+)\.lora_[AB]\.weight$/.exec(key)?.[1];
    if (path === undefined || path === 'lm_head') refuseTensor(folder, key);
    for (const part of ['A', 'B'] as const)
      if (!tensors.has(loraKey(path, part)))
        fail('AdapterInvalid', { path: folder, what: `${path} has no lora_${part}.weight` });
    paths.add(path);
  }
  return [...paths].sort(byCodeUnit);
}

function refuseTensor(path: string, key: string): never {
  const feature = [
    { sign: 'lora_magnitude_vector', name: 'DoRA' },
    { sign: 'lora_embedding_', name: 'LoRA on embeddings' },
    { sign: 'trainable_tokens', name: 'trainable_token_indices' },
    { sign: '.lm_head.', name: 'LoRA on the output layer' },
  ].find(({ sign }) => key.includes(sign));
  if (feature)
    fail('AdapterUnsupported', {
      path,
      feature: feature.name,
      instead: 'merge it into its base with PEFT and use that as the base',
    });
  return fail('AdapterInvalid', { path, what: `${key} is no tensor of a LoRA adapter` });
}

function checkFits(
  folder: string,
  spec: ModelSpec,
  settings: readonly { readonly path: string; readonly a: AdapterTensorValue; readonly b: AdapterTensorValue }[],
): void {
  const sites = new Map(sitesOf(spec).map((site) => [site.path, site]));
  const unknown = settings.filter(({ path }) => !sites.has(path)).map(({ path }) => path);
  if (unknown.length > 0) fail('AdapterMismatch', { path: folder, modules: unknown, why: 'it has no such modules' });
  const unlike = settings.filter(
    ({ path, a, b }) => sites.get(path)!.in !== a.shape[1] || sites.get(path)!.out !== b.shape[0],
  );
  if (unlike.length > 0)
    fail('AdapterMismatch', { path: folder, modules: unlike.map(({ path }) => path), why: 'modules have other sizes' });
}
