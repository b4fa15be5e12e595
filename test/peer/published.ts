import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../common/root.js';
import { writeMerged } from '../../worker/artifacts/merged.js';
import { readAdapter } from '../../worker/artifacts/readAdapter.js';
import type { Base } from '../../worker/model/base.js';
import { encodeSafetensors } from '../../worker/model/safetensors/write.js';
import { checkCommands, furthest, type OurAnswers, ourAnswers, readJson, readTensor } from './ourAnswers.js';
import { run } from './process.js';

export interface PeerPlaces {
  readonly python: string;
  /** Scratch space. */
  readonly folder: string;
}

/** Logits of float32 models on both sides: unlike orders of additions, values of some tens (issue 3). */
const logitTolerance = 5e-4;

/**
 * A published adapter in PEFT (as it is, merged by PEFT, merged by us, serving copy) and, on the base as float32 GGUF, in
 * llama.cpp: our logits, our greedy tokens.
 * @returns what the peer printed: a JSON object with the errors.
 */
export async function checkPublished(
  adapterFolder: string,
  base: Base,
  ggufBase: string | undefined,
  { python, folder }: PeerPlaces,
): Promise<string> {
  const ours = await ourAnswers(base, adapterFolder);
  await checkCommands(base, adapterFolder, ours, folder);
  await writeAnswers(ours, base.spec.vocabSize, folder);
  const merged = join(folder, 'merged');
  await mkdir(merged, { recursive: true });
  await writeMerged(merged, base, await readAdapter(adapterFolder, base.spec));
  const script = (name: string) => join(packageRoot(), 'test/peer', name);
  const llama: string[] = [];
  if (ggufBase !== undefined) {
    const float32 = join(folder, 'base.f32.gguf');
    await run(python, [script('f32_gguf.py'), ggufBase, float32]);
    llama.push('--gguf-base', float32);
  }
  return run(python, [script('check_adapter.py'), adapterFolder, base.directory, folder, '--merged', merged, ...llama]);
}

async function writeAnswers({ ids, logits, tokens }: OurAnswers, vocabSize: number, folder: string): Promise<void> {
  const tensors = ids.flatMap((one, at) => [
    { name: `ids_${at}`, dtype: 'I32' as const, shape: [one.length], data: one },
    { name: `logits_${at}`, dtype: 'F32' as const, shape: [one.length, vocabSize], data: logits[at]! },
  ]);
  await writeFile(join(folder, 'logits.safetensors'), encodeSafetensors({ metadata: { format: 'pt' }, tensors }));
  const cases = ids.map((one, at) => ({ ids: [...one], tokens: [...tokens[at]!] }));
  await writeFile(join(folder, 'tokens.json'), JSON.stringify(cases));
}

/** Adapters that PEFT makes give the same logits here. */
export async function checkTheirs(
  base: Base,
  { python, folder }: PeerPlaces,
): Promise<Readonly<Record<string, number>>> {
  const kinds = ['all-linear', 'rslora', 'patterns'];
  const cases = (await readJson(join(folder, 'tokens.json'))) as readonly { readonly ids: readonly number[] }[];
  await writeFile(join(folder, 'ids.json'), JSON.stringify(cases.map(({ ids }) => ids)));
  const script = join(packageRoot(), 'test/peer/make_adapters.py');
  await run(python, [script, base.directory, join(folder, 'ids.json'), join(folder, 'theirs')]);
  const errors: Record<string, number> = {};
  for (const kind of kinds) {
    const adapter = join(folder, 'theirs', kind);
    const ours = await ourAnswers(base, adapter);
    await checkCommands(base, adapter, ours, folder);
    const theirs = await Promise.all(
      ours.logits.map((_, at) => readTensor(join(adapter, 'logits.safetensors'), `logits_${at}`)),
    );
    errors[kind] = furthest(ours.logits, theirs);
    if (!(errors[kind] <= logitTolerance)) throw new Error(`${kind}: logits are off by ${errors[kind]}`);
  }
  return errors;
}
