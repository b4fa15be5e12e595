import { fail } from '../../api/errors.js';
import { Fields, isObject } from './fields.js';
import type { RopeSpec } from './spec.js';

interface RopeContext {
  readonly family: string;
  readonly headDim: number;
  readonly maxPositions: number;
}

type Scaling = RopeSpec['scaling'];

/**
 * RoPE of a config.json in both spellings: `rope_theta` + `rope_scaling` (transformers 4, where `type` was once the name of
 * `rope_type`) and `rope_parameters` (transformers 5). Precedence and defaults follow transformers' standardize_rope_params.
 */
export function parseRope(config: Fields, context: RopeContext): RopeSpec {
  const given = config.object('rope_scaling') ?? config.object('rope_parameters') ?? new Fields({}, 'rope_parameters.');
  if (Object.values(given.values).some(isObject)) unsupported(context, 'rope_parameters', 'one per layer type');
  const partial = given.optionalNumber('partial_rotary_factor') ?? config.optionalNumber('partial_rotary_factor') ?? 1;
  if (partial !== 1) unsupported(context, 'partial_rotary_factor', partial);
  const theta = given.optionalNumber('rope_theta') ?? config.number('rope_theta', 10_000);
  const type = given.text('rope_type', given.text('type', 'default'));
  const parse = scalings[type] ?? unsupported(context, 'rope_type', type);
  return { theta, scaling: parse(given, config, context) };
}

const scalings: Readonly<Record<string, (rope: Fields, config: Fields, context: RopeContext) => Scaling>> = {
  default: () => ({ type: 'none' }),
  linear: (rope) => ({ type: 'linear', factor: rope.number('factor') }),
  dynamic: (rope, _config, { maxPositions }) => ({
    type: 'dynamic',
    factor: rope.number('factor'),
    originalMaxPositions: maxPositions,
  }),
  llama3: (rope, config, { maxPositions }) => ({
    type: 'llama3',
    factor: rope.number('factor'),
    lowFreqFactor: rope.number('low_freq_factor'),
    highFreqFactor: rope.number('high_freq_factor'),
    originalMaxPositions: originalMaxPositions(rope, config, maxPositions),
  }),
  yarn: (rope, config, { maxPositions }) => {
    const original = originalMaxPositions(rope, config, maxPositions);
    return {
      type: 'yarn',
      factor: rope.optionalNumber('factor') ?? maxPositions / original,
      originalMaxPositions: original,
      attentionFactor: rope.optionalNumber('attention_factor'),
      betaFast: rope.number('beta_fast', 32),
      betaSlow: rope.number('beta_slow', 1),
      truncate: rope.boolean('truncate', true),
      mscale: zeroAsNull(rope, 'mscale'),
      mscaleAllDim: zeroAsNull(rope, 'mscale_all_dim'),
    };
  },
  longrope: (rope, config, { headDim, maxPositions }) => {
    const original = originalMaxPositions(rope, config, maxPositions);
    return {
      type: 'longrope',
      factor: rope.optionalNumber('factor') ?? maxPositions / original,
      shortFactor: rope.numbers('short_factor', headDim / 2),
      longFactor: rope.numbers('long_factor', headDim / 2),
      originalMaxPositions: original,
      attentionFactor: rope.optionalNumber('attention_factor'),
    };
  },
};

/** A value beside the rope parameters wins over one inside (Phi-3 wrote it there). */
const originalMaxPositions = (rope: Fields, config: Fields, maxPositions: number): number =>
  config.count('original_max_position_embeddings', rope.count('original_max_position_embeddings', maxPositions));

/** transformers tests these two for truth. */
const zeroAsNull = (rope: Fields, field: string): number | null =>
  rope.values[field] === 0 ? null : rope.optionalNumber(field);

const unsupported = ({ family }: RopeContext, feature: string, value: unknown): never =>
  fail('ModelFeatureUnsupported', { family, feature, value: String(value) });
