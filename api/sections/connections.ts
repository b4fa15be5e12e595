import { z } from 'zod';
import { label } from '../fields.js';

const connection = z
  .strictObject({
    name: label('How other fields refer to it.', 'store'),
    endpoint: z
      .string()
      .min(1)
      .max(2048)
      .regex(/^https?:\/\/[^\s]+$/)
      .meta({
        description: 'URL of an S3-compatible store or of a hub. The public service when absent.',
        examples: ['http://store:9000'],
        expected: 'an http:// or https:// URL',
      })
      .optional(),
    region: z
      .string()
      .min(1)
      .max(64)
      .regex(/^[a-z0-9-]+$/)
      .meta({
        description: 'Region of the store.',
        examples: ['eu-central-1'],
        expected: 'a region such as eu-central-1',
      })
      .optional(),
    secretRef: z
      .strictObject({ name: label('Name of the Secret.', 'store') })
      .describe(
        'Secret in the same namespace with `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` (and `AWS_SESSION_TOKEN`), or `HF_TOKEN`. On one machine the environment and the usual AWS files are used instead.',
      )
      .optional(),
  })
  .describe('One place with its credentials.');

export const connections = z
  .array(connection)
  .max(16)
  .meta({ description: 'Stores and hubs that other fields name by `connection`.', listMapKeys: ['name'] });
