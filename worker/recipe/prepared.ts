import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail } from '../../api/errors.js';
import type { FineTuneJob } from '../../api/fineTuneJob.js';
import { writeFileAtomically } from '../../common/files.js';
import { canonicalJson, sha256 } from '../../common/hash.js';
import type { DataReport } from '../data/report.js';
import type { Sequence } from '../data/sequence.js';
import type { Base } from '../model/base.js';
import { type CompiledRecipe, recipeHash } from './compile.js';
import type { Recipe } from './recipe.js';
import { decodeTokens } from './tokens.js';

/** What stands beside the recipe: it explains a training and its artifacts, but changes no bit of the adapter. */
export interface JobRecord {
  readonly recipeHash: string;
  readonly job: FineTuneJob;
  readonly base: Omit<Base, 'tensors' | 'spec' | 'directory'>;
  readonly data: DataReport;
}

/** A prepared job as workers find it: `recipe.json`, `tokens.bin` and `job.json` in one folder. */
export interface PreparedJob {
  readonly recipe: Recipe;
  readonly hash: string;
  readonly tokens: readonly Sequence[];
  readonly record: JobRecord;
}

const files = { recipe: 'recipe.json', tokens: 'tokens.bin', record: 'job.json' } as const;

/** In the order of writing: who finds the last finds all. */
export const preparedFiles: readonly string[] = [files.tokens, files.record, files.recipe];

/** Writes the folder; `recipe.json` comes last, so a folder that has it is whole. */
export async function writePrepared(folder: string, compiled: CompiledRecipe, record: JobRecord): Promise<void> {
  await writeFileAtomically(join(folder, files.tokens), compiled.tokens);
  await writeFileAtomically(join(folder, files.record), `${JSON.stringify(record, null, 2)}\n`);
  await writeFileAtomically(join(folder, files.recipe), canonicalJson(compiled.recipe));
}

/** Reads the folder and checks that recipe and tokens are the ones that `expectedHash` names. Throws `RecipeCorrupt`. */
export async function readPrepared(folder: string, expectedHash: string): Promise<PreparedJob> {
  const recipe = JSON.parse(await readFile(join(folder, files.recipe), 'utf8')) as Recipe;
  const bytes = await readFile(join(folder, files.tokens));
  const record = JSON.parse(await readFile(join(folder, files.record), 'utf8')) as JobRecord;
  const hash = recipeHash(recipe);
  if (hash !== expectedHash) fail('RecipeCorrupt', { folder, file: files.recipe, expected: expectedHash, found: hash });
  const found = sha256(bytes);
  if (found !== recipe.tokens.sha256)
    fail('RecipeCorrupt', { folder, file: files.tokens, expected: recipe.tokens.sha256, found });
  return { recipe, hash, tokens: decodeTokens(bytes), record };
}
