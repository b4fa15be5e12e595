import { z } from 'zod';
import { count, fraction, label, location } from '../fields.js';

const connection = label('Name of the connection that holds the credentials of `source`.', 'store').optional();

const trainSource = z
  .strictObject({
    source: location(
      'A `.jsonl` or `.jsonl.gz` file: a path relative to the manifest, or `s3://`.',
      's3://data/workplace/train.jsonl',
    ),
    connection,
  })
  .describe('One file of training rows.');

const evaluationData = z
  .strictObject({
    source: location('A `.jsonl` or `.jsonl.gz` file of held-out rows.', 's3://data/workplace/eval.jsonl').optional(),
    fraction: fraction('Share of the training rows to hold out instead, chosen by the seed.', { below: 0.5 })
      .gt(0)
      .meta({ examples: [0.05] })
      .optional(),
    connection,
  })
  .describe('Held-out rows: exactly one of `source` and `fraction`.');

export const data = z
  .strictObject({
    train: z
      .array(trainSource)
      .min(1)
      .max(64)
      .describe('Training rows, read in this order.')
      .meta({ aliases: ['sources', 'dataset'] }),
    eval: evaluationData.optional(),
    format: z
      .enum(['auto', 'messages', 'prompt-completion', 'instruction', 'text'])
      .describe(
        'Shape of a row. `auto` decides by the keys of the first row: `messages`; `prompt` and `completion`; `instruction`, `input` and `output`; `text`.',
      )
      .default('auto'),
    supervise: z
      .enum(['assistant', 'all', 'completion'])
      .describe(
        "Which tokens are learned: the assistant's turns, every token, or the completion (the last assistant turn) only. Rows of `text` are learned whole.",
      )
      .default('assistant'),
    maxTokens: count('Longest training sequence, in tokens.', { min: 8, max: 131_072 })
      .meta({ aliases: ['max_length', 'max_seq_length', 'cutoff_len', 'sequence_len'] })
      .default(512),
    truncation: z
      .enum(['end', 'start', 'drop'])
      .describe('What is cut from a row longer than `maxTokens`: its end, its start, or the whole row.')
      .default('end'),
    packing: z
      .boolean()
      .describe('Put several short rows into one sequence. Attention, positions and loss never cross from row to row.')
      .meta({ aliases: ['sample_packing'] })
      .default(true),
    buckets: z
      .array(count('Sequence length, in tokens.', { min: 8, max: 131_072 }))
      .min(1)
      .max(16)
      .describe(
        'Lengths that sequences are padded to, the last at least `maxTokens`. Chosen from the data when absent.',
      )
      .optional(),
    templateDate: z
      .string()
      .max(10)
      .regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/)
      .meta({
        description:
          "Today's date for chat templates that print one, so that the tokens never depend on the day of the run.",
        examples: ['2026-01-01'],
        expected: 'a date as YYYY-MM-DD',
      })
      .default('2026-01-01'),
  })
  .describe('What is learned.');
