import { z } from 'zod';
import { type Mapped, replaceSpans, type Span } from './mapped.js';
import { patternSchema, toRegExp } from './pattern.js';

export type Normalizer = (piece: Mapped) => Mapped;

type NormalizerConfig =
  | { readonly type: 'Sequence'; readonly normalizers: readonly NormalizerConfig[] }
  | { readonly type: 'Prepend'; readonly prepend: string }
  | { readonly type: 'Replace'; readonly pattern: z.infer<typeof patternSchema>; readonly content: string }
  | { readonly type: 'NFC' | 'NFD' | 'NFKC' | 'NFKD' };

/** The normalizers that decoders of the Llama family use. */
export const normalizerSchema: z.ZodType<NormalizerConfig> = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('Sequence'), normalizers: z.array(normalizerSchema) }),
    z.object({ type: z.literal('Prepend'), prepend: z.string() }),
    z.object({ type: z.literal('Replace'), pattern: patternSchema, content: z.string() }),
    z.object({ type: z.enum(['NFC', 'NFD', 'NFKC', 'NFKD']) }),
  ]),
);

export function createNormalizer(config: NormalizerConfig | null): Normalizer {
  if (config === null) return (piece) => piece;
  switch (config.type) {
    case 'Sequence': {
      const steps = config.normalizers.map(createNormalizer);
      return (piece) => steps.reduce((current, step) => step(current), piece);
    }
    case 'Prepend':
      return (piece) =>
        piece.text === '' ? piece : replaceSpans(piece, [{ from: 0, to: 0, content: config.prepend }]);
    case 'Replace': {
      const pattern = toRegExp(config.pattern);
      return (piece) => replaceSpans(piece, [...spansOf(piece.text, pattern, config.content)]);
    }
    default:
      return unicodeForm(config.type);
  }
}

function* spansOf(text: string, pattern: RegExp, content: string): Iterable<Span> {
  for (const match of text.matchAll(pattern)) yield { from: match.index, to: match.index + match[0].length, content };
}

/**
 * A character with its marks, or a run of Hangul: nothing composes across the border of two such clusters
 * (Unicode Standard Annex 15: only marks and conjoining jamo compose with what precedes them).
 */
const cluster = /[\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff]+\p{M}*|\P{M}\p{M}*|\p{M}+/gu;

function unicodeForm(form: 'NFC' | 'NFD' | 'NFKC' | 'NFKD'): Normalizer {
  return (piece) => {
    const whole = piece.text.normalize(form);
    if (whole === piece.text) return piece;
    const spans: Span[] = [];
    for (const match of piece.text.matchAll(cluster)) {
      const content = match[0].normalize(form);
      if (content !== match[0]) spans.push({ from: match.index, to: match.index + match[0].length, content });
    }
    const mapped = replaceSpans(piece, spans);
    if (mapped.text !== whole) return replaceSpans(piece, [{ from: 0, to: piece.text.length, content: whole }]);
    return mapped;
  };
}
