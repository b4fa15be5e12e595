import { z } from 'zod';
import { label, location } from '../fields.js';

export const base = z
  .strictObject({
    source: location(
      'The frozen base: `hf://owner/name`, `s3://bucket/prefix`, a Hugging Face folder or a `.gguf` file. Relative paths start at the folder of the manifest.',
      'hf://HuggingFaceTB/SmolLM2-135M-Instruct',
    ).meta({ aliases: ['model', 'model_name_or_path'] }),
    revision: z
      .string()
      .min(1)
      .max(255)
      .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]*$/)
      .meta({
        description: 'Branch, tag or commit of an `hf://` source. The recipe pins the commit it resolves to.',
        examples: ['main'],
        expected: 'a branch, tag or commit',
      })
      .default('main'),
    precision: z
      .enum(['float32'])
      .describe('Number format the base is computed in. Other stored formats are converted once, into the cache.')
      .default('float32'),
    connection: label('Name of the connection that holds the credentials of `source`.', 'hub').optional(),
  })
  .describe('The model whose weights stay frozen.');
