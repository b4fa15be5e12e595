import { z } from 'zod';
import { type Mapped, replaceSpans, slice } from './mapped.js';
import { patternSchema, toRegExp } from './pattern.js';

/** Cuts pieces into the words inside which the model merges. `byteLevel` = the words' UTF-8 bytes are its symbols. */
export interface PreTokenizer {
  readonly split: (piece: Mapped) => readonly Mapped[];
  readonly byteLevel: boolean;
}

const behaviors = ['Isolated', 'Removed', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;
type Behavior = (typeof behaviors)[number];

type PreTokenizerConfig =
  | { readonly type: 'Sequence'; readonly pretokenizers: readonly PreTokenizerConfig[] }
  | {
      readonly type: 'Split';
      readonly pattern: z.infer<typeof patternSchema>;
      readonly behavior: Behavior;
      readonly invert: boolean;
    }
  | { readonly type: 'ByteLevel'; readonly add_prefix_space: boolean; readonly use_regex: boolean }
  | { readonly type: 'Digits'; readonly individual_digits: boolean }
  | {
      readonly type: 'Metaspace';
      readonly replacement: string;
      readonly prepend_scheme: 'always' | 'first' | 'never';
      readonly split: boolean;
    };

export const preTokenizerSchema: z.ZodType<PreTokenizerConfig> = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('Sequence'), pretokenizers: z.array(preTokenizerSchema) }),
    z.object({
      type: z.literal('Split'),
      pattern: patternSchema,
      behavior: z.enum(behaviors),
      invert: z.boolean().default(false),
    }),
    z.object({
      type: z.literal('ByteLevel'),
      add_prefix_space: z.boolean().default(true),
      use_regex: z.boolean().default(true),
    }),
    z.object({ type: z.literal('Digits'), individual_digits: z.boolean().default(false) }),
    z.object({
      type: z.literal('Metaspace'),
      replacement: z.string().default('\u2581'),
      prepend_scheme: z.enum(['always', 'first', 'never']).default('always'),
      split: z.boolean().default(true),
    }),
  ]),
);

/** GPT-2's word pattern, which the ByteLevel pre-tokenizer applies unless told not to (tokenizers, byte_level.rs). */
const gpt2Words = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

export function createPreTokenizer(config: PreTokenizerConfig | null): PreTokenizer {
  if (config === null) return { split: (piece) => [piece], byteLevel: false };
  switch (config.type) {
    case 'Sequence': {
      const steps = config.pretokenizers.map(createPreTokenizer);
      return {
        split: (piece) => steps.reduce<readonly Mapped[]>((pieces, step) => pieces.flatMap(step.split), [piece]),
        byteLevel: steps.some((step) => step.byteLevel),
      };
    }
    case 'Split':
      return { split: splitter(toRegExp(config.pattern), config.behavior, config.invert), byteLevel: false };
    case 'Digits':
      return {
        split: splitter(/\p{N}/gu, config.individual_digits ? 'Isolated' : 'Contiguous', false),
        byteLevel: false,
      };
    case 'ByteLevel': {
      const words = config.use_regex
        ? splitter(toRegExp({ kind: 'regex', text: gpt2Words }), 'Isolated', false)
        : (piece: Mapped) => [piece];
      return {
        split: (piece) => words(config.add_prefix_space && !piece.text.startsWith(' ') ? prepend(piece, ' ') : piece),
        byteLevel: true,
      };
    }
    case 'Metaspace':
      return { split: metaspace(config), byteLevel: false };
  }
}

const prepend = (piece: Mapped, content: string): Mapped => replaceSpans(piece, [{ from: 0, to: 0, content }]);

function metaspace(config: Extract<PreTokenizerConfig, { type: 'Metaspace' }>): PreTokenizer['split'] {
  const words = splitter(toRegExp({ kind: 'string', text: config.replacement }), 'MergedWithNext', false);
  return (piece) => {
    const spans = [...piece.text.matchAll(/ /g)].map(({ index }) => ({
      from: index,
      to: index + 1,
      content: config.replacement,
    }));
    const spaced = replaceSpans(piece, spans);
    const wanted = config.prepend_scheme === 'always' || (config.prepend_scheme === 'first' && piece.base === 0);
    const marked = wanted && !spaced.text.startsWith(config.replacement) ? prepend(spaced, config.replacement) : spaced;
    return config.split ? words(marked) : [marked];
  };
}

/** tokenizers' `NormalizedString::split`: matches and gaps, joined as the behaviour says; empty pieces vanish. */
function splitter(pattern: RegExp, behavior: Behavior, invert: boolean): PreTokenizer['split'] {
  return (piece) => {
    const parts = partsOf(piece.text, pattern).map((part) => ({ ...part, match: part.match !== invert }));
    return join(parts, behavior)
      .filter(({ from, to }) => to > from)
      .map(({ from, to }) => slice(piece, from, to));
  };
}

interface Part {
  readonly from: number;
  readonly to: number;
  readonly match: boolean;
}

function partsOf(text: string, pattern: RegExp): Part[] {
  const parts: Part[] = [];
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    if (match[0] === '') continue;
    if (match.index > at) parts.push({ from: at, to: match.index, match: false });
    at = match.index + match[0].length;
    parts.push({ from: match.index, to: at, match: true });
  }
  if (at < text.length) parts.push({ from: at, to: text.length, match: false });
  return parts;
}

function join(parts: readonly Part[], behavior: Behavior): readonly Part[] {
  if (behavior === 'Isolated') return parts;
  if (behavior === 'Removed') return parts.filter((part) => !part.match);
  const joined: Part[] = [];
  let previous: Part | undefined;
  for (const part of parts) {
    const fuse =
      previous !== undefined &&
      (behavior === 'Contiguous'
        ? previous.match === part.match
        : behavior === 'MergedWithPrevious'
          ? part.match && !previous.match
          : previous.match && !part.match);
    const last = joined.at(-1);
    if (fuse && last) joined[joined.length - 1] = { from: last.from, to: part.to, match: part.match };
    else joined.push(part);
    previous = part;
  }
  return joined;
}
