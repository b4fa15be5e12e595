import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { fail } from '../../api/errors.js';
import { byCodeUnit, sha256, sha256Stream } from '../../common/hash.js';
import { readSafetensorsHeader } from '../model/safetensors/read.js';
import { encodeSafetensors } from '../model/safetensors/write.js';
import type { Adapter } from './adapter.js';
import { writeArtifact } from './files.js';
import { type PeftBase, peftConfig } from './peftConfig.js';

export const adapterFile = 'adapter_model.safetensors';
export const adapterConfigFile = 'adapter_config.json';

/**
 * Writes an adapter in PEFT's layout into `folder` and reads it back.
 * @returns the SHA-256 of adapter_model.safetensors, which depends on method and tensors only.
 */
export async function writeAdapter(folder: string, adapter: Adapter, base: PeftBase): Promise<string> {
  const bytes = encodeAdapter(adapter);
  await writeArtifact(join(folder, adapterFile), bytes);
  await writeArtifact(join(folder, adapterConfigFile), prettyJson(peftConfig(adapter.method, base)));
  const digest = sha256(bytes);
  await verifyAdapterFile(join(folder, adapterFile), adapter, digest);
  return digest;
}

export const encodeAdapter = ({ tensors }: Adapter): Uint8Array =>
  encodeSafetensors({
    metadata: { format: 'pt' },
    tensors: [...tensors].map(([name, { shape, data }]) => ({ name, dtype: 'F32', shape, data })),
  });

/** Loaders answer wrong keys with a warning and an unchanged base, so keys, shapes and bytes are compared here. */
export async function verifyAdapterFile(path: string, { tensors }: Adapter, digest: string): Promise<void> {
  const broken = (what: string): never => fail('ExportBroken', { path, what });
  const header = await readSafetensorsHeader(path);
  const wanted = [...tensors.keys()].sort(byCodeUnit);
  const found = [...header.tensors.keys()].sort(byCodeUnit);
  const missing = wanted.filter((key) => !header.tensors.has(key));
  if (missing.length > 0 || found.length !== wanted.length)
    broken(`${missing.length} keys are missing, ${found.length} of ${wanted.length} are there`);
  for (const [key, { shape }] of tensors) {
    const there = header.tensors.get(key)?.shape ?? [];
    if (String(there) !== String(shape)) broken(`${key} has shape [${there}] instead of [${shape}]`);
  }
  const again = await sha256Stream(createReadStream(path));
  if (again !== digest) broken(`its SHA-256 is ${again} instead of ${digest}`);
}

export const prettyJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
