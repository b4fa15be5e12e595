import { fail } from '../../api/errors.js';
import type { Sequence } from '../data/sequence.js';

/** tokens.bin: magic, count, one length per sequence, then ids, positions, documents and labels of each; int32, little endian. */
const magic = 0x314b5445; // "ETK1"

const fields = ['ids', 'positions', 'documents', 'labels'] as const;

export function encodeTokens(sequences: readonly Sequence[]): Uint8Array {
  const words = 2 + sequences.length + sequences.reduce((sum, { ids }) => sum + fields.length * ids.length, 0);
  const out = new Int32Array(words);
  out[0] = magic;
  out[1] = sequences.length;
  sequences.forEach(({ ids }, index) => {
    out[2 + index] = ids.length;
  });
  let offset = 2 + sequences.length;
  for (const sequence of sequences)
    for (const field of fields) {
      out.set(sequence[field], offset);
      offset += sequence.ids.length;
    }
  return new Uint8Array(out.buffer);
}

/** The sequences again, as views of one copy of `bytes`. */
export function decodeTokens(bytes: Uint8Array): readonly Sequence[] {
  const words = new Int32Array(new Uint8Array(bytes).buffer, 0, bytes.length >> 2);
  const count = words[1] ?? -1;
  if (words[0] !== magic || count < 0 || 2 + count > words.length) fail('TokensCorrupt', { sizeBytes: bytes.length });
  const lengths = words.subarray(2, 2 + count);
  const expected = lengths.reduce((sum, length) => sum + fields.length * length, 2 + count);
  if (expected * 4 !== bytes.length || lengths.some((length) => length < 0))
    fail('TokensCorrupt', { sizeBytes: bytes.length });
  let offset = 2 + count;
  const take = (length: number): Int32Array => {
    offset += length;
    return words.subarray(offset - length, offset);
  };
  return Array.from(lengths, (length) => ({
    ids: take(length),
    positions: take(length),
    documents: take(length),
    labels: take(length),
  }));
}

/** Positions with a token to predict. */
export const supervisedIn = ({ labels }: Sequence): number =>
  labels.reduce((count, label) => (label >= 0 ? count + 1 : count), 0);
