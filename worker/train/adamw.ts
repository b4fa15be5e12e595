import type { Shard } from './norm.js';

export interface AdamWOptions {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** The three vectors that a step changes. */
export interface Moments {
  readonly master: Float32Array;
  readonly mean: Float32Array;
  readonly square: Float32Array;
}

/** What all numbers of a step share. */
export interface AdamWStep {
  readonly options: AdamWOptions;
  readonly learningRate: number;
  /** Factor from the reduced sum to the gradient: clip coefficient / supervised tokens. */
  readonly gradientScale: number;
  /** beta1^t and beta2^t, t counted from 1: running products kept in the state, never a power function. */
  readonly beta1Power: number;
  readonly beta2Power: number;
}

/**
 * AdamW (Loshchilov and Hutter, 2019) as torch.optim.AdamW writes it: decoupled decay, epsilon after the bias-corrected
 * root. Everything between two stores is float64; each stored number is rounded to float32 once (docs/adr/0005-optimizer-arithmetic.md).
 */
export function adamwShard(
  { master, mean, square }: Moments,
  reduced: Float32Array,
  [start, end]: Shard,
  { options, learningRate, gradientScale, beta1Power, beta2Power }: AdamWStep,
): void {
  const { beta1, beta2, epsilon, weightDecay } = options;
  const newShare1 = 1 - beta1;
  const newShare2 = 1 - beta2;
  const stepSize = learningRate / (1 - beta1Power);
  const rootCorrection = 1 / Math.sqrt(1 - beta2Power);
  const kept = 1 - learningRate * weightDecay;
  for (let index = start; index < end; index++) {
    const gradient = reduced[index]! * gradientScale;
    const newMean = beta1 * mean[index]! + newShare1 * gradient;
    const newSquare = beta2 * square[index]! + newShare2 * gradient * gradient;
    mean[index] = newMean;
    square[index] = newSquare;
    master[index] = kept * master[index]! - (stepSize * newMean) / (Math.sqrt(newSquare) * rootCorrection + epsilon);
  }
}
