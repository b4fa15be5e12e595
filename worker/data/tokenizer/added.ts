import { z } from 'zod';
import { type Mapped, slice } from './mapped.js';

export const addedTokenSchema = z.object({
  id: z.int().nonnegative(),
  content: z.string().min(1),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().default(true),
  special: z.boolean().default(false),
});
export type AddedToken = z.infer<typeof addedTokenSchema>;

/** A stretch of text, or an added token found in it. */
export interface Section {
  readonly piece: Mapped;
  readonly token: AddedToken | undefined;
}

/** Finds added tokens in a text, leftmost and longest first, as tokenizers' `AddedVocabulary::find_matches`. */
export function createAddedSplitter(
  tokens: readonly AddedToken[],
  contentOf: (token: AddedToken) => string,
): (piece: Mapped) => readonly Section[] {
  const byContent = new Map(tokens.map((token) => [contentOf(token), token]));
  byContent.delete('');
  if (byContent.size === 0) return (piece) => (piece.text === '' ? [] : [{ piece, token: undefined }]);
  const contents = [...byContent.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(contents.map((text) => text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')).join('|'), 'gu');

  return (piece) => {
    const sections: Section[] = [];
    const { text } = piece;
    let at = 0;
    const between = (to: number) => {
      if (to > at) sections.push({ piece: slice(piece, at, to), token: undefined });
    };
    for (const match of text.matchAll(pattern)) {
      const token = byContent.get(match[0])!;
      let from = match.index;
      let to = match.index + match[0].length;
      if (from < at) continue;
      if (token.single_word && (wordBefore.test(text.slice(0, from)) || wordAfter.test(text.slice(to)))) continue;
      if (token.lstrip) from -= blanksBefore.exec(text.slice(at, from))![0].length;
      if (token.rstrip) to += blanksAfter.exec(text.slice(to))![0].length;
      between(from);
      sections.push({ piece: slice(piece, from, to), token });
      at = to;
    }
    between(text.length);
    return sections;
  };
}

/** Rust's `\s`, which is not JavaScript's: with U+0085, without U+FEFF. */
const blanksBefore = /\p{White_Space}*$/u;
const blanksAfter = /^\p{White_Space}*/u;
/** Rust's `\w`. */
const wordBefore = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]$/u;
const wordAfter = /^[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;
