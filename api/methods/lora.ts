import { z } from 'zod';
import { count, fraction, positive } from '../fields.js';

const moduleName = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[A-Za-z0-9_.]+$/)
  .meta({
    description: 'A module, by full name or by its last parts.',
    examples: ['q_proj'],
    expected: 'a module name such as q_proj or self_attn.q_proj',
  });

/** How modules are chosen; `regex` must match the whole module name, as in PEFT. */
const targetModules = z
  .union([
    z.literal('all-linear'),
    z.array(moduleName).min(1).max(512),
    z.strictObject({
      regex: z
        .string()
        .min(1)
        .max(1024)
        .meta({
          description: 'Matches the whole module name.',
          examples: ['.*\\.(q|v)_proj'],
          expected: 'a regular expression',
        }),
    }),
  ])
  .meta({
    description:
      'Which linear modules get an adapter: `all-linear` (all but the output layer), a list of names or name endings, or `{regex: ...}` over the whole name.',
    examples: ['all-linear', ['q_proj', 'v_proj']],
    expected: 'all-linear, a list of module names, or {regex: "..."}',
  });

export const lora = z
  .strictObject({
    rank: count('Rank of the update: B is [out, rank], A is [rank, in].', { max: 1024 })
      .meta({ aliases: ['r', 'lora_r'] })
      .default(16),
    alpha: positive('The update is scaled by alpha / rank (with `rsLora` by alpha / sqrt(rank)).', {
      max: 65_536,
      example: 32,
    })
      .meta({ aliases: ['lora_alpha'] })
      .default(32),
    rsLora: z
      .boolean()
      .describe('Rank-stabilised scale: alpha / sqrt(rank).')
      .meta({ aliases: ['use_rslora'] })
      .default(false),
    dropout: fraction("Probability that an input of A is dropped; drawn per sequence and step from the job's seed.")
      .meta({ aliases: ['lora_dropout'] })
      .default(0),
    targetModules: targetModules.default('all-linear'),
    excludeModules: z
      .array(moduleName)
      .max(512)
      .describe('Modules left out of `targetModules`, by name or name ending.')
      .default([]),
    layersToTransform: z
      .array(count('Layer number, from 0.', { min: 0, max: 4095 }))
      .min(1)
      .max(4096)
      .describe('Only these layers, counted from 0. All when absent.')
      .optional(),
    init: z
      .enum(['kaiming', 'gaussian'])
      .describe(
        "How A starts (B is 0): `kaiming` is PEFT's default, uniform in +-1/sqrt(in); `gaussian` has the standard deviation 1/rank.",
      )
      .meta({ aliases: ['init_lora_weights'] })
      .default('kaiming'),
  })
  .describe('Low-rank adaptation: y = W x + scale B A x.');
