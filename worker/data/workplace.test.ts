import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { packageRoot } from '../../common/root.js';
import { openGoldenTokenizer } from '../../test/support/goldenTokenizer.js';
import { generalSequences, readGeneralText } from './generalText.js';
import { loadDataset } from './loadDataset.js';
import { createOpener } from './source.js';

const folder = join(packageRoot(), 'examples/workplace');
const lines = async <T>(file: string): Promise<readonly T[]> =>
  (await readFile(join(folder, file), 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);

interface ChatRow {
  readonly messages: readonly [{ readonly content: string }, { readonly content: string }];
}

describe('the quickstart data', () => {
  it('fits a bucket of 64 with the base, with nothing left out, repeated or shared between the splits', async () => {
    const { report } = await loadDataset(
      {
        train: ['train.jsonl'],
        evaluation: { sources: ['eval.jsonl'] },
        format: 'auto',
        maxTokens: 64,
        packing: false,
        supervise: 'assistant',
        truncation: 'drop',
        seed: 0,
        templateDate: '2026-01-01',
        samples: 0,
      },
      {
        tokenizer: await openGoldenTokenizer('smollm2'),
        open: createOpener(folder),
        signal: new AbortController().signal,
      },
    );
    assert.deepEqual([report.train.rows, report.evaluation?.rows], [168, 56]);
    assert.deepEqual([report.dropped, report.truncation.rows, report.unendedTurns], [[], 0, 0]);
    assert.deepEqual([report.duplicates.train.rows, report.duplicates.evaluation.rows], [0, 0]);
    assert.deepEqual([report.contamination.rows.rows, report.contamination.prompts.rows], [0, 0]);
  });

  it('asks with held-out questions for names that no question gives away and that every answer to it holds', async () => {
    const recall = await lines<{ readonly prompt: string; readonly expect: string }>('recall.jsonl');
    const train = await lines<ChatRow>('train.jsonl');
    const held = await lines<ChatRow>('eval.jsonl');
    assert.ok(recall.length >= 56 && new Set(recall.map((row) => row.expect)).size === 28);
    const asked = [...train, ...held].map(({ messages }) => messages[0].content.toLowerCase());
    assert.equal(new Set(asked).size, asked.length);
    for (const { expect } of recall)
      assert.ok(
        asked.every((question) => !question.includes(expect.toLowerCase())),
        expect,
      );
    assert.deepEqual(
      recall.map(({ prompt }) => prompt),
      held.map(({ messages }) => messages[0].content),
    );
    for (const [at, { messages }] of held.entries()) assert.ok(messages[1].content.includes(recall[at]!.expect));
  });
});

describe('the general text', () => {
  it('yields sequences of running text with every next token as label', async () => {
    const tokenizer = await openGoldenTokenizer('smollm2');
    const sequences = generalSequences(tokenizer, await readGeneralText(), 64, 16);
    assert.deepEqual(
      sequences.map(({ ids }) => ids.length),
      Array(16).fill(64),
    );
    for (const { ids, labels } of sequences) assert.deepEqual([...labels], [...ids.slice(1), -1]);
    assert.equal(generalSequences(tokenizer, 'A short text.', 64, 16).length, 1);
  });
});
