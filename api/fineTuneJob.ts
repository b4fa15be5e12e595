import { z } from 'zod';
import { seconds } from './fields.js';
import { type Method, method } from './methods/index.js';
import { base } from './sections/base.js';
import { checkpoint } from './sections/checkpoint.js';
import { connections } from './sections/connections.js';
import { data } from './sections/data.js';
import { metadata } from './sections/metadata.js';
import { output } from './sections/output.js';
import { training } from './sections/training.js';
import { workers } from './sections/workers.js';

export const group = 'espalier.dev';
export const version = 'v1alpha1';
export const apiVersion = `${group}/${version}`;
export const kind = 'FineTuneJob';

export const spec = z
  .strictObject({
    suspend: z
      .boolean()
      .describe('Stop after a checkpoint and free the workers; continue when false again.')
      .default(false),
    activeDeadlineSeconds: seconds('Longest running time, waiting and suspended time not counted.', { min: 1 })
      .meta({ examples: [86_400] })
      .optional(),
    ttlSecondsAfterFinished: seconds('Delete the resource this long after its end. Artifacts stay.')
      .meta({ examples: [604_800] })
      .optional(),
    connections: connections.default([]),
    base,
    data,
    method,
    training,
    workers: workers.prefault({}),
    checkpoint: checkpoint.prefault({}),
    output,
  })
  .describe('The wanted fine-tuning.');

/** The manifest, in one place: types, defaults, messages, CRD and reference all come from here. */
export const fineTuneJob = z.strictObject({
  apiVersion: z.literal(apiVersion),
  kind: z.literal(kind),
  metadata,
  spec,
  status: z.unknown().optional(),
});

type Parsed = z.output<typeof fineTuneJob>;
/** A valid job with every default filled in. */
export type FineTuneJob = Omit<Parsed, 'spec' | 'status'> & { readonly spec: FineTuneJobSpec };
export type FineTuneJobSpec = Omit<Parsed['spec'], 'method'> & { readonly method: Method };
/** What a user writes. */
export type FineTuneJobInput = z.input<typeof fineTuneJob>;
