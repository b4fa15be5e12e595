import { createReadStream } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Stream } from '../../common/hash.js';
import { packageRoot } from '../../common/root.js';
import { exportArtifacts } from '../../worker/artifacts/export.js';
import { type AdapterSettings, anAdapter, aRecord, untrained } from './anAdapter.js';
import { goldenBase } from './goldenModel.js';

/** Exports that PEFT and llama.cpp read in `npm run test:peer`; the bytes they read are pinned in checked.json. */
export const exportCases: Readonly<Record<string, { readonly base: string; readonly settings: AdapterSettings }>> = {
  llama: { base: 'llama', settings: { rank: 4, alpha: 8 } },
  'llama-rslora': {
    base: 'llama-tied',
    settings: { rank: 3, alpha: 5, rsLora: true, targets: ['q_proj', 'k_proj', 'down_proj'] },
  },
  mistral: { base: 'mistral-window', settings: { rank: 2, alpha: 4, targets: ['k_proj', 'o_proj'] } },
  qwen2: { base: 'qwen2', settings: { rank: 8, alpha: 16 } },
  qwen3: { base: 'qwen3', settings: { rank: 5, alpha: 5, targets: ['q_proj', 'v_proj', 'gate_proj'] } },
};

/** Writes the export of one case; returns the SHA-256 of each file that other programs read. */
export async function exportOf(name: string, folder: string): Promise<Readonly<Record<string, string>>> {
  const { base: model, settings } = exportCases[name]!;
  const base = await goldenBase(model);
  try {
    await cp(join(packageRoot(), 'test/golden/models', model, 'config.json'), join(base.directory, 'config.json'));
    const adapter = anAdapter(base.spec, settings);
    await exportArtifacts({ folder, base, adapter, initial: untrained(adapter), merged: true, record: aRecord() });
  } finally {
    await base[Symbol.asyncDispose]();
  }
  const hashes: Record<string, string> = {};
  for (const path of exportedFiles) hashes[path] = await sha256Stream(createReadStream(join(folder, path)));
  return hashes;
}

export const exportedFiles = [
  'adapter.gguf',
  'adapter_config.json',
  'adapter_model.safetensors',
  'merged/model.safetensors',
  'serving/adapter_config.json',
  'serving/adapter_model.safetensors',
] as const;
