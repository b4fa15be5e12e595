import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { answers, type OpenedModel, openModel, promptIds } from '../../cli/local/model.js';
import { programUrl } from '../../common/programs.js';
import { packageRoot } from '../../common/root.js';
import type { Base } from '../../worker/model/base.js';
import { readSafetensorsHeader, readTensorAsFloat32 } from '../../worker/model/safetensors/read.js';
import { lastObject, run } from './process.js';

interface Prompt {
  readonly text: string;
  readonly as: 'chat' | 'text';
}

/** Questions go through the base's chat template, the rest is text to go on with. */
const prompts: readonly Prompt[] = [
  { text: 'What is the capital of France?', as: 'chat' },
  { text: 'Which tool do I use to book time off?', as: 'chat' },
  { text: 'Who do I ask about the VPN?', as: 'chat' },
  { text: 'Who do I ask about the VPN?', as: 'text' },
  { text: 'def add(a, b):\n', as: 'text' },
  { text: '1, 2, 3, 4,', as: 'text' },
  { text: 'Once upon a time', as: 'text' },
  { text: 'Le chat est', as: 'text' },
];
const templateDate = '2026-01-01';

/** Longest greedy answer that is compared. */
const answerTokens = 16;

export interface OurAnswers {
  readonly ids: readonly Int32Array[];
  /** Of each prompt, [ids.length, vocabSize]. */
  readonly logits: readonly Float32Array[];
  /** Greedy, without the token that ends the answer. */
  readonly tokens: readonly Int32Array[];
}

/** What Espalier says to the prompts (as plain text) with the adapter of a folder. */
export async function ourAnswers(base: Base, adapterFolder: string): Promise<OurAnswers> {
  const model = await openModel(base, adapterFolder, { workingDirectory: packageRoot() });
  try {
    return await answersOf(model);
  } finally {
    await model.generator.close();
  }
}

async function answersOf(model: OpenedModel): Promise<OurAnswers> {
  const ids = prompts.map(({ text, as }) => promptIds(model.tokenizer, text, as, templateDate));
  const logits: Float32Array[] = [];
  for (const one of ids) logits.push(await model.generator.logits(one));
  const { signal } = new AbortController();
  const found = await answers(model, ids, { maxTokens: answerTokens, signal });
  return { ids, logits, tokens: found.map((answer) => answer.ids) };
}

/** `espalier logits` and `espalier generate` say what the functions behind them say: checked on one prompt. */
export async function checkCommands(base: Base, adapterFolder: string, ours: OurAnswers, folder: string) {
  const at = 1;
  const main = fileURLToPath(programUrl('espalier'));
  const asked = ['--base', base.directory, '--adapter', adapterFolder, '--prompt', prompts[at]!.text, '--json'];
  const out = join(folder, 'command.safetensors');
  await run(process.execPath, [main, 'logits', ...asked, '--chat', '--out', out]);
  const told = await readTensor(out, 'logits');
  if (furthest([told], [ours.logits[at]!]) !== 0) throw new Error('espalier logits differs from the library');
  const said = await run(process.execPath, [main, 'generate', ...asked, '--max-tokens', String(answerTokens)]);
  const tokens = lastObject(said).tokens as readonly number[];
  if (JSON.stringify(tokens) !== JSON.stringify([...ours.tokens[at]!]))
    throw new Error(`espalier generate says ${tokens}, the library ${ours.tokens[at]}`);
}

export async function readTensor(file: string, name: string): Promise<Float32Array> {
  const { tensors } = await readSafetensorsHeader(file);
  const entry = [...tensors.values()].find((candidate) => candidate.name === name);
  if (!entry) throw new Error(`${file} has no ${name}`);
  return readTensorAsFloat32(file, entry);
}

/** Largest absolute difference. */
export function furthest(left: readonly Float32Array[], right: readonly Float32Array[]): number {
  let most = 0;
  left.forEach((values, at) => {
    const others = right[at];
    if (others?.length !== values.length) throw new Error(`${values.length} logits against ${others?.length}`);
    values.forEach((value, place) => {
      most = Math.max(most, Math.abs(value - others[place]!));
    });
  });
  return most;
}

export const readJson = async (file: string): Promise<unknown> => JSON.parse(await readFile(file, 'utf8'));
