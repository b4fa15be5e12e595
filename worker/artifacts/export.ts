import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Base } from '../model/base.js';
import type { Adapter } from './adapter.js';
import { modelCard } from './card.js';
import { checkTrained } from './checks.js';
import { copyArtifact, writeArtifact } from './files.js';
import { ggufAdapter } from './gguf.js';
import { writeMerged } from './merged.js';
import type { RunRecord } from './record.js';
import { servingCopy } from './serving.js';
import { prettyJson, writeAdapter } from './writeAdapter.js';

/** Files of a base that make its tokenizer; whichever of them the base's folder has. */
export const tokenizerFiles = [
  'tokenizer.json',
  'tokenizer_config.json',
  'tokenizer.model',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
] as const;

export interface ExportInput {
  /** Made when missing; files of an earlier attempt are replaced. */
  readonly folder: string;
  readonly base: Base;
  readonly adapter: Adapter;
  /** What the adapter was before step 0. */
  readonly initial: Adapter;
  readonly merged: boolean;
  /** Everything known of the run but what the export itself finds out. */
  readonly record: Omit<RunRecord, 'adapterSha256' | 'omitted' | 'method'>;
  readonly signal?: AbortSignal;
}

export interface Exported {
  readonly adapterSha256: string;
  readonly record: RunRecord;
}

/** Checks the adapter and writes all that is published of a run into one folder. */
export async function exportArtifacts(input: ExportInput): Promise<Exported> {
  const { folder, base, adapter, initial, merged, signal } = input;
  const name = input.record.job.name;
  checkTrained(name, adapter, initial);
  const peftBase = {
    spec: base.spec,
    nameOrPath: base.nameOrPath,
    revision: base.source.startsWith('hf://') ? base.revision : null,
  };
  // An earlier attempt, perhaps with other settings, may have left what this one does not write.
  for (const part of ['serving', 'merged', 'adapter.gguf'])
    await rm(join(folder, part), { recursive: true, force: true });
  const omitted: { what: string; why: string }[] = [];
  const adapterSha256 = await writeAdapter(folder, adapter, peftBase);

  const serving = servingCopy(adapter);
  if (serving) await writeAdapter(join(folder, 'serving'), serving, peftBase);
  else omitted.push({ what: 'the serving copy', why: `rank ${adapter.method.rank} is beyond vLLM's 512` });

  signal?.throwIfAborted();
  await writeArtifact(join(folder, 'adapter.gguf'), ggufAdapter(adapter, base.spec, name));

  await copyFiles(base.directory, folder, tokenizerFiles);
  if (merged) {
    await writeMerged(join(folder, 'merged'), base, adapter, { signal });
    await copyFiles(base.directory, join(folder, 'merged'), [...tokenizerFiles, 'generation_config.json']);
  }

  const record: RunRecord = { ...input.record, method: adapter.method, adapterSha256, omitted };
  await writeArtifact(join(folder, 'espalier.json'), prettyJson(record));
  await writeArtifact(join(folder, 'README.md'), modelCard(record, { serving: serving !== undefined, merged }));
  return { adapterSha256, record };
}

async function copyFiles(from: string, to: string, names: readonly string[]): Promise<void> {
  for (const name of names) if (existsSync(join(from, name))) await copyArtifact(join(from, name), join(to, name));
}
