import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { aJob } from '../../test/support/aJob.js';
import { aSequence, aSpec } from '../../test/support/aSpec.js';
import { compileRecipe } from './compile.js';
import { type JobRecord, readPrepared, writePrepared } from './prepared.js';

const job = aJob();
const compiled = compileRecipe({
  job: job.spec,
  base: { sha256: 'b'.repeat(64), spec: aSpec() },
  dataset: { train: [aSequence(12), aSequence(20)], evaluation: [] },
  general: [],
});
const record = { recipeHash: compiled.hash, job } as JobRecord;

const folder = await mkdtemp(join(tmpdir(), 'espalier-prepared-'));
after(() => rm(folder, { recursive: true }));

test('what was prepared is read again as it was', async () => {
  await writePrepared(folder, compiled, record);
  const read = await readPrepared(folder, compiled.hash);
  assert.deepEqual(read.recipe, JSON.parse(JSON.stringify(compiled.recipe)));
  assert.deepEqual(read.tokens.length, 2);
  assert.equal(read.hash, compiled.hash);
});

test('another recipe, and damaged tokens, are told by their hashes', async () => {
  await writePrepared(folder, compiled, record);
  await assert.rejects(readPrepared(folder, 'f'.repeat(64)), { name: 'RecipeCorrupt' });
  await appendFile(join(folder, 'tokens.bin'), 'x');
  await assert.rejects(readPrepared(folder, compiled.hash), { name: 'RecipeCorrupt', message: /tokens\.bin/ });
  const recipe = await readFile(join(folder, 'recipe.json'), 'utf8');
  await writeFile(join(folder, 'recipe.json'), recipe.replace('"seed":0', '"seed":1'));
  await assert.rejects(readPrepared(folder, compiled.hash), { name: 'RecipeCorrupt', message: /recipe\.json/ });
});
