import { shuffle } from '../train/philox.js';
import { bucketOf } from './buckets.js';
import type { RecipeLeaf } from './recipe.js';

/** What the micro-batch table must know of a sequence of tokens.bin. */
export interface SequenceFacts {
  /** Index into tokens.bin. */
  readonly index: number;
  readonly length: number;
  readonly supervised: number;
}

export interface BatchOptions {
  /** Ascending; bucket i is shape i. */
  readonly buckets: readonly number[];
  /** Rows of every micro-batch. */
  readonly rows: number;
}

/** Steps of one pass: each takes `perStep` sequences, the last what is left. */
export const stepsPerEpoch = (sequences: number, perStep: number): number => Math.ceil(sequences / perStep);

/** The leaves of every step. Sequences are shuffled anew for every epoch; a step never mixes two epochs. */
export function trainingBatches(
  sequences: readonly SequenceFacts[],
  { perStep, steps, seed, ...options }: BatchOptions & { perStep: number; steps: number; seed: number },
): readonly (readonly RecipeLeaf[])[] {
  const batches: (readonly RecipeLeaf[])[] = [];
  for (let epoch = 0; batches.length < steps; epoch++) {
    const order = [...shuffle(sequences.length, seed, epoch)].map((index) => sequences[index]!);
    for (let start = 0; start < order.length && batches.length < steps; start += perStep)
      batches.push(leavesOf(order.slice(start, start + perStep), options));
  }
  return batches;
}

/**
 * Cuts sequences into micro-batches of one bucket each, longest bucket first; rows left over are -1. Where the last, not
 * full micro-batch of a bucket fits into the empty rows of the one before, its sequences ride there: one leaf less.
 */
export function leavesOf(sequences: readonly SequenceFacts[], { buckets, rows }: BatchOptions): readonly RecipeLeaf[] {
  const leaves: { shape: number; members: SequenceFacts[] }[] = [];
  for (let shape = buckets.length - 1; shape >= 0; shape--) {
    const group = sequences.filter(({ length }) => bucketOf(length, buckets) === shape);
    const full = group.length - (group.length % rows);
    const rest = group.slice(full);
    const before = leaves.at(-1);
    if (rest.length > 0 && before && before.members.length + rest.length <= rows)
      before.members.push(...rest.splice(0));
    for (let start = 0; start < full; start += rows) leaves.push({ shape, members: group.slice(start, start + rows) });
    if (rest.length > 0) leaves.push({ shape, members: rest });
  }
  return leaves.map(({ shape, members }) => ({
    shape,
    sequences: Array.from({ length: rows }, (_, row) => members[row]?.index ?? -1),
    supervised: members.reduce((sum, { supervised }) => sum + supervised, 0),
  }));
}
