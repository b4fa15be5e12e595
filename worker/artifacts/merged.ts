import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { byCodeUnit } from '../../common/hash.js';
import { methods } from '../adapter/index.js';
import { type Site, sitesOf } from '../adapter/sites.js';
import type { Base, TensorLocation } from '../model/base.js';
import { dtypeBytes } from '../model/safetensors/format.js';
import { float32ToBfloat16, float32ToFloat16 } from '../model/safetensors/half.js';
import { readTensorAsFloat32 } from '../model/safetensors/read.js';
import type { DeclaredTensor } from '../model/safetensors/write.js';
import { writeSafetensors } from '../model/safetensors/write.js';
import { type Adapter, loraKey, sizeOf } from './adapter.js';
import { namingFullDisks, writeArtifact } from './files.js';
import { prettyJson } from './writeAdapter.js';

/** As Hugging Face cuts: decimal gigabytes. */
const fileLimitBytes = 5e9;

export type MergedDtype = 'F32' | 'F16' | 'BF16';

/** Weights that were quantised become float32: rounding them to 16 bits again would lose what training added. */
export const mergedDtype = (base: Pick<Base, 'storedAs'>): MergedDtype =>
  base.storedAs === 'BF16' || base.storedAs === 'F16' ? base.storedAs : 'F32';

export interface MergeOptions {
  readonly signal?: AbortSignal | undefined;
  readonly limitBytes?: number;
}

/**
 * Writes W + s B A for every wrapped module, and all other tensors as they are, as a Hugging Face folder's weights and
 * config.json. One tensor is in memory at a time. Tokenizer files are the caller's.
 */
export async function writeMerged(
  folder: string,
  base: Base,
  adapter: Adapter,
  options: MergeOptions = {},
): Promise<void> {
  const dtype = mergedDtype(base);
  const sites = new Map(sitesOf(base.spec).map((site) => [`${site.path}.weight`, site]));
  const wrapped = new Set(adapter.method.modules.map((path) => `${path}.weight`));

  const produce = async ({ name }: { readonly name: string }): Promise<ArrayBufferView> => {
    const weights = await readBaseTensor(base, name, base.tensors.get(name)!);
    if (wrapped.has(name)) addDelta(weights, sites.get(name)!, adapter);
    return dtype === 'F32' ? weights : dtype === 'F16' ? float32ToFloat16(weights) : float32ToBfloat16(weights);
  };

  const declared = [...base.tensors]
    .sort(([a], [b]) => byCodeUnit(a, b))
    .map(([name, { shape }]): DeclaredTensor => ({ name, dtype, shape }));
  const groups = cut(declared, options.limitBytes ?? fileLimitBytes);
  const fileName = (index: number) =>
    groups.length === 1 ? 'model.safetensors' : `model-${pad(index + 1)}-of-${pad(groups.length)}.safetensors`;
  await rm(folder, { recursive: true, force: true });
  const weightMap: Record<string, string> = {};
  let totalBytes = 0;
  for (const [index, tensors] of groups.entries()) {
    const path = join(folder, fileName(index));
    const { entries } = await namingFullDisks(path, () =>
      writeSafetensors(path, tensors, produce, {
        metadata: { format: 'pt' },
        ...(options.signal && { signal: options.signal }),
      }),
    );
    for (const { name, bytes } of entries) {
      weightMap[name] = fileName(index);
      totalBytes += bytes;
    }
  }
  if (groups.length > 1)
    await writeArtifact(
      join(folder, 'model.safetensors.index.json'),
      prettyJson({ metadata: { total_size: totalBytes }, weight_map: weightMap }),
    );
  await writeArtifact(join(folder, 'config.json'), await mergedConfig(base, dtype));
}

/** W += s B A, summed in float64 and rounded once. */
function addDelta(weights: Float32Array, site: Site, { method, tensors }: Adapter): void {
  const change = methods[method.name].delta(
    site,
    { lora_A: tensors.get(loraKey(site.path, 'A'))!.data, lora_B: tensors.get(loraKey(site.path, 'B'))!.data },
    method,
  );
  for (let index = 0; index < weights.length; index++) weights[index]! += change[index]!;
}

const readBaseTensor = (base: Base, name: string, { file, offset, bytes, shape }: TensorLocation) =>
  readTensorAsFloat32(join(base.directory, file), { name, dtype: 'F32', shape, offset, bytes });

function cut(tensors: readonly DeclaredTensor[], limitBytes: number): DeclaredTensor[][] {
  const groups: DeclaredTensor[][] = [[]];
  let held = 0;
  for (const tensor of tensors) {
    const bytes = sizeOf(tensor.shape) * dtypeBytes[tensor.dtype];
    if (held > 0 && held + bytes > limitBytes) {
      groups.push([]);
      held = 0;
    }
    groups.at(-1)!.push(tensor);
    held += bytes;
  }
  return groups;
}

const dtypeNames: Record<MergedDtype, string> = { F32: 'float32', F16: 'float16', BF16: 'bfloat16' };

async function mergedConfig(base: Base, dtype: MergedDtype): Promise<string> {
  const { torch_dtype: _, ...config } = JSON.parse(await readFile(join(base.directory, 'config.json'), 'utf8'));
  return prettyJson({ ...config, dtype: dtypeNames[dtype] });
}

const pad = (number: number): string => String(number).padStart(5, '0');
