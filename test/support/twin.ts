import type { Rules } from '../../elastic/rules.js';

/** Pseudo-gradient of a leaf: depends on the weights, so that an error in one step shows in all later ones. */
export function gradientOf(step: number, leaf: number, weights: Float32Array): Float32Array {
  let seed = Math.imul(step + 1, 0x9e3779b1) ^ Math.imul(leaf + 1, 0x85ebca6b);
  return weights.map((weight) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
    return Math.fround(seed / 2 ** 31) * 2 ** ((seed >>> 4) % 7) + Math.fround(weight * 0.125);
  });
}

/** A stand-in for the optimizer. */
export const stepped = (weights: Float32Array, reduced: Float32Array): Float32Array =>
  weights.map((weight, i) => weight - Math.fround(0.01 * reduced[i]!));

/** What one process alone would sum, written from the rule's words: the left subtree takes the largest power of two < M. */
export function twinOf({ steps, leavesOf }: Rules, length: number): readonly Float32Array[] {
  let weights = new Float32Array(length);
  return Array.from({ length: steps }, (_, step) => {
    const vectors = new Map(leavesOf(step).map(({ index }) => [index, gradientOf(step, index, weights)]));
    const sum = sumOf(vectors, 0, Math.max(...vectors.keys()) + 1)!;
    weights = Float32Array.from(stepped(weights, sum));
    return sum;
  });
}

function sumOf(vectors: ReadonlyMap<number, Float32Array>, from: number, count: number): Float32Array | undefined {
  if (count === 1) return vectors.get(from);
  let left = 1;
  while (left * 2 < count) left *= 2;
  const a = sumOf(vectors, from, left);
  const b = sumOf(vectors, from + left, count - left);
  return a === undefined || b === undefined ? (a ?? b) : a.map((value, i) => value + b[i]!);
}
