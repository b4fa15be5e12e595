import { z } from 'zod';
import { label, location } from '../fields.js';

export const output = z
  .strictObject({
    destination: location(
      'Where the adapter is published: `s3://bucket/prefix/` or a folder. Files go to an immutable sub-folder named after the recipe.',
      's3://models/workplace/',
    ).meta({ aliases: ['output_dir'] }),
    connection: label('Name of the connection that holds the credentials of `destination`.', 'store').optional(),
    merged: z.boolean().describe('Also publish the base with the adapter merged into it.').default(false),
  })
  .describe('What comes out.');
