import * as tokenizers from '@huggingface/tokenizers';
import { z } from 'zod';

/** The library exports its pre-tokenizers but does not declare them. */
const library = tokenizers as unknown as {
  readonly SplitPreTokenizer: new (config: object) => { readonly pattern: RegExp };
};

export const patternSchema = z.union([
  z.object({ String: z.string() }).transform(({ String: text }) => ({ kind: 'string' as const, text })),
  z.object({ Regex: z.string() }).transform(({ Regex: text }) => ({ kind: 'regex' as const, text })),
]);
export type Pattern = z.infer<typeof patternSchema>;

/** A global JavaScript RegExp that matches what Oniguruma matches: the library translates classes, anchors and `\s`. */
export function toRegExp(pattern: Pattern): RegExp {
  if (pattern.kind === 'string') return new RegExp(pattern.text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&'), 'gu');
  const split = new library.SplitPreTokenizer({
    type: 'Split',
    pattern: { Regex: pattern.text },
    behavior: 'Isolated',
    invert: false,
  });
  return split.pattern;
}
