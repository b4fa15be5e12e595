import type { Sequence } from '../sequence.js';
import { firstFitDecreasing } from './firstFit.js';

/** One tokenised row: ids, and per token whether predicting it has a loss. */
export interface Document {
  readonly ids: Int32Array;
  readonly supervised: Uint8Array;
}

/** Tokens whose prediction is learned: the first has nothing before it. */
export function supervisedTokens({ supervised }: Document): number {
  let count = 0;
  for (let at = 1; at < supervised.length; at++) count += supervised[at]!;
  return count;
}

/** Several documents to a sequence, filled first-fit decreasing, or one document each. */
export function toSequences(
  documents: readonly Document[],
  { maxTokens, packing }: { readonly maxTokens: number; readonly packing: boolean },
): readonly Sequence[] {
  if (!packing) return documents.map((document) => joined([document]));
  const sizes = documents.map(({ ids }) => ids.length);
  return firstFitDecreasing(sizes, maxTokens).map((bin) => joined(bin.map((index) => documents[index]!)));
}

/** Positions restart and labels stop at each document's end, so nothing crosses from one to the next. */
function joined(documents: readonly Document[]): Sequence {
  const length = documents.reduce((sum, { ids }) => sum + ids.length, 0);
  const sequence = {
    ids: new Int32Array(length),
    positions: new Int32Array(length),
    documents: new Int32Array(length),
    labels: new Int32Array(length).fill(-1),
  };
  let start = 0;
  documents.forEach(({ ids, supervised }, index) => {
    sequence.ids.set(ids, start);
    sequence.documents.fill(index + 1, start, start + ids.length);
    for (let at = 0; at < ids.length; at++) {
      sequence.positions[start + at] = at;
      if (at + 1 < ids.length && supervised[at + 1]) sequence.labels[start + at] = ids[at + 1]!;
    }
    start += ids.length;
  });
  return sequence;
}
