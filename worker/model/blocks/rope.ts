import { cos, log, pow, sin } from '../../train/math.js';
import type { ModelSpec, RopeSpec } from '../spec.js';

/** Row p, column i: cosine and sine of position p times frequency i, both times the attention factor. */
export interface RopeTable {
  /** [rows, headDim / 2] */
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/**
 * Rotary tables of positions 0..rows-1. `sequenceTokens` is the longest position that is really used, plus one: `dynamic`
 * and `longrope` choose their frequencies by it, for all positions alike.
 * Rounded to float32 where transformers rounds (modeling_rope_utils): a frequency that differs in its last bit is an angle
 * off by 1e-4 at position 2,000.
 */
export function ropeTable(spec: ModelSpec, rows: number, sequenceTokens: number): RopeTable {
  const { frequencies, attentionFactor } = ropeFrequencies(spec, sequenceTokens);
  const half = frequencies.length;
  const table = { cos: new Float32Array(rows * half), sin: new Float32Array(rows * half) };
  const factor = f32(attentionFactor);
  for (let position = 0; position < rows; position++)
    for (let i = 0; i < half; i++) {
      const angle = f32(position * frequencies[i]!);
      table.cos[position * half + i] = f32(cos(angle)) * factor;
      table.sin[position * half + i] = f32(sin(angle)) * factor;
    }
  return table;
}

/** Does the table depend on how long the sequence is? */
export const ropeDependsOnLength = ({ scaling }: RopeSpec): boolean =>
  scaling.type === 'dynamic' || scaling.type === 'longrope';

interface Frequencies {
  /** Radians per position, [headDim / 2]. */
  readonly frequencies: Float32Array;
  readonly attentionFactor: number;
}

const f32 = Math.fround;

type Scaling<Type extends RopeSpec['scaling']['type']> = Extract<RopeSpec['scaling'], { type: Type }>;

export function ropeFrequencies(spec: ModelSpec, sequenceTokens: number): Frequencies {
  const { scaling } = spec.rope;
  switch (scaling.type) {
    case 'none':
      return { frequencies: plain(spec, spec.rope.theta), attentionFactor: 1 };
    case 'linear':
      return { frequencies: plain(spec, spec.rope.theta).map((w) => w / f32(scaling.factor)), attentionFactor: 1 };
    case 'dynamic':
      return { frequencies: dynamic(spec, scaling, sequenceTokens), attentionFactor: 1 };
    case 'llama3':
      return { frequencies: llama3(spec, scaling), attentionFactor: 1 };
    case 'yarn':
      return { frequencies: yarn(spec, scaling), attentionFactor: yarnAttentionFactor(scaling) };
    case 'longrope':
      return longrope(spec, scaling, sequenceTokens);
  }
}

/** theta^(2i / headDim), i = 0 .. headDim / 2 - 1, as float32. */
const periods = ({ headDim }: ModelSpec, theta: number): Float32Array =>
  Float32Array.from({ length: headDim / 2 }, (_, i) => pow(f32(theta), f32((2 * i) / headDim)));

const plain = (spec: ModelSpec, theta: number): Float32Array => periods(spec, theta).map((period) => 1 / period);

/** NTK: a longer sequence raises theta. */
function dynamic(spec: ModelSpec, scaling: Scaling<'dynamic'>, sequenceTokens: number): Float32Array {
  const { factor, originalMaxPositions } = scaling;
  if (sequenceTokens <= originalMaxPositions) return plain(spec, spec.rope.theta);
  const stretch = f32(f32(f32(factor * sequenceTokens) / originalMaxPositions) - (factor - 1));
  const exponent = spec.headDim / (spec.headDim - 2);
  return plain(spec, f32(f32(spec.rope.theta) * f32(pow(stretch, f32(exponent)))));
}

/** Long waves are stretched by `factor`, short ones kept, those between blended. */
function llama3(spec: ModelSpec, scaling: Scaling<'llama3'>): Float32Array {
  const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } = scaling;
  return plain(spec, spec.rope.theta).map((frequency) => {
    const wavelength = f32(f32(2 * Math.PI) / frequency);
    if (wavelength < originalMaxPositions / highFreqFactor) return frequency;
    if (wavelength > originalMaxPositions / lowFreqFactor) return frequency / f32(factor);
    const smooth = f32(
      f32(f32(originalMaxPositions / wavelength) - lowFreqFactor) / f32(highFreqFactor - lowFreqFactor),
    );
    return f32(f32(f32(1 - smooth) * frequency) / f32(factor)) + f32(smooth * frequency);
  });
}

/** YaRN (arXiv 2309.00071): interpolates dimensions that turn less than betaSlow times, keeps those above betaFast. */
function yarn(spec: ModelSpec, scaling: Scaling<'yarn'>): Float32Array {
  const { factor, originalMaxPositions, betaFast, betaSlow, truncate } = scaling;
  const dimensions = spec.headDim;
  const dimensionOf = (turns: number): number =>
    (dimensions * log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * log(spec.rope.theta));
  const first = dimensionOf(betaFast);
  const last = dimensionOf(betaSlow);
  const low = Math.max(truncate ? Math.floor(first) : first, 0);
  const high = Math.min(truncate ? Math.ceil(last) : last, dimensions - 1);
  const width = low === high ? 0.001 : high - low;
  return periods(spec, spec.rope.theta).map((period, i) => {
    const ramp = Math.min(Math.max(f32(f32(i - f32(low)) / f32(width)), 0), 1);
    const kept = f32(1 - ramp);
    return f32(f32(1 / f32(f32(factor) * period)) * f32(1 - kept)) + f32(f32(1 / period) * kept);
  });
}

function yarnAttentionFactor({ factor, attentionFactor, mscale, mscaleAllDim }: Scaling<'yarn'>): number {
  if (attentionFactor !== null) return attentionFactor;
  const temperature = (scale: number): number => (factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1);
  return mscale && mscaleAllDim ? temperature(mscale) / temperature(mscaleAllDim) : temperature(1);
}

/** One searched factor per dimension, a set for short sequences and one for long ones. */
function longrope(spec: ModelSpec, scaling: Scaling<'longrope'>, sequenceTokens: number): Frequencies {
  const { originalMaxPositions, shortFactor, longFactor } = scaling;
  const factors = sequenceTokens > originalMaxPositions ? longFactor : shortFactor;
  const factor = scaling.factor ?? spec.maxPositions / originalMaxPositions;
  const implied = factor <= 1 ? 1 : Math.sqrt(1 + log(factor) / log(originalMaxPositions));
  return {
    frequencies: periods(spec, spec.rope.theta).map((period, i) => 1 / f32(f32(factors[i]!) * period)),
    attentionFactor: scaling.attentionFactor ?? implied,
  };
}
