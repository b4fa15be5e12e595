import { z } from 'zod';
import { byteOfCharacter } from './byteAlphabet.js';
import { patternSchema, toRegExp } from './pattern.js';

/** Token strings to text strings; the pieces are joined at the end. */
export type Decoder = (tokens: readonly string[]) => readonly string[];

type DecoderConfig =
  | { readonly type: 'Sequence'; readonly decoders: readonly DecoderConfig[] }
  | { readonly type: 'ByteLevel' | 'ByteFallback' | 'Fuse' }
  | { readonly type: 'Replace'; readonly pattern: z.infer<typeof patternSchema>; readonly content: string }
  | { readonly type: 'Strip'; readonly content: string; readonly start: number; readonly stop: number }
  | { readonly type: 'Metaspace'; readonly replacement: string; readonly prepend_scheme: string };

export const decoderSchema: z.ZodType<DecoderConfig> = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('Sequence'), decoders: z.array(decoderSchema) }),
    z.object({ type: z.enum(['ByteLevel', 'ByteFallback', 'Fuse']) }),
    z.object({ type: z.literal('Replace'), pattern: patternSchema, content: z.string() }),
    z.object({ type: z.literal('Strip'), content: z.string(), start: z.int(), stop: z.int() }),
    z.object({
      type: z.literal('Metaspace'),
      replacement: z.string().default('\u2581'),
      prepend_scheme: z.string().default('always'),
    }),
  ]),
);

export function createDecoder(config: DecoderConfig): Decoder {
  switch (config.type) {
    case 'Sequence': {
      const steps = config.decoders.map(createDecoder);
      return (tokens) => steps.reduce((current, step) => step(current), tokens);
    }
    case 'ByteLevel':
      return byteLevel;
    case 'ByteFallback':
      return byteFallback;
    case 'Fuse':
      return (tokens) => [tokens.join('')];
    case 'Replace': {
      const pattern = toRegExp(config.pattern);
      return (tokens) => tokens.map((token) => token.replace(pattern, () => config.content));
    }
    case 'Strip':
      return (tokens) => tokens.map((token) => strip(token, config));
    case 'Metaspace':
      return (tokens) =>
        tokens.map((token, at) => {
          const text = token.replaceAll(config.replacement, ' ');
          return at === 0 && config.prepend_scheme !== 'never' && text.startsWith(' ') ? text.slice(1) : text;
        });
  }
}

function byteLevel(tokens: readonly string[]): readonly string[] {
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const token of tokens) {
    const mapped = Array.from(token, (character) => byteOfCharacter.get(character));
    if (mapped.every((byte) => byte !== undefined)) for (const byte of mapped) bytes.push(byte);
    else for (const byte of encoder.encode(token)) bytes.push(byte);
  }
  return [new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes))];
}

/** Runs of `<0xNN>` become characters; a run that is not UTF-8 becomes one replacement character per byte. */
function byteFallback(tokens: readonly string[]): readonly string[] {
  const pieces: string[] = [];
  let run: number[] = [];
  const flush = () => {
    if (run.length > 0) pieces.push(decodeRun(Uint8Array.from(run)));
    run = [];
  };
  for (const token of tokens) {
    const hex = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    if (hex !== undefined) run.push(Number.parseInt(hex, 16));
    else {
      flush();
      pieces.push(token);
    }
  }
  flush();
  return pieces;
}

function decodeRun(run: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(run);
  } catch {
    return '\ufffd'.repeat(run.length);
  }
}

function strip(token: string, { content, start, stop }: { content: string; start: number; stop: number }): string {
  let from = 0;
  let to = token.length;
  while (from < start && token[from] === content) from++;
  while (token.length - to < stop && to > from && token[to - 1] === content) to--;
  return token.slice(from, to);
}
