import { fail } from '../../../api/errors.js';
import { compileTemplate } from '../template/chatTemplate.js';
import type { Encoding, Tokenizer } from '../tokenizer.js';
import { createAddedSplitter } from './added.js';
import { createBpe, type Word } from './bpe.js';
import { characterOfByte } from './byteAlphabet.js';
import { createDecoder } from './decode.js';
import { readTokenizerConfig, readTokenizerFile, type TokenizerConfig, type TokenizerFile } from './files.js';
import { endOf, type Mapped, startOf, unchanged } from './mapped.js';
import { createNormalizer } from './normalize.js';
import { affixesOf } from './postProcess.js';
import { createPreTokenizer } from './preTokenize.js';

/** Opens the tokenizer of a Hugging Face folder (tokenizer.json, tokenizer_config.json, chat_template.jinja). */
export async function openTokenizer(directory: string): Promise<Tokenizer> {
  const file = await readTokenizerFile(directory);
  const config = await readTokenizerConfig(directory);
  try {
    return createTokenizer(file, config);
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError)
      fail('TokenizerInvalid', { file: `${directory}/tokenizer.json`, problem: error.message }, { cause: error });
    throw error;
  }
}

/** Refuses a tokenizer with ids that the base has no embedding for. */
export function requireFit(tokenizer: Tokenizer, vocabSize: number): void {
  if (tokenizer.size > vocabSize) fail('TokenizerMismatch', { tokens: tokenizer.size, vocabSize });
}

function createTokenizer(file: TokenizerFile, config: TokenizerConfig): Tokenizer {
  const ids = new Map(Object.entries(file.model.vocab));
  for (const token of file.added_tokens) ids.set(token.content, token.id);
  const tokens: string[] = [];
  for (const [token, id] of ids) tokens[id] = token;
  const specialIds = new Set(file.added_tokens.filter((token) => token.special).map((token) => token.id));
  const addedIds = new Set(file.added_tokens.map((token) => token.id));
  const idOf = (token: string | null | undefined) => (token == null ? undefined : ids.get(token));

  const encodePieces = createEncoder(file);
  const { before, after } = affixesOf(file.post_processor);
  const decoder = file.decoder ? createDecoder(file.decoder) : undefined;

  function encodeWithOffsets(text: string, { specials = false } = {}): Encoding {
    const found = new TokenList();
    if (specials) for (const id of before) found.add(id, 0, 0);
    encodePieces(text, found);
    if (specials) for (const id of after) found.add(id, text.length, text.length);
    return found.encoding();
  }

  return {
    encode: (text, options) => encodeWithOffsets(text, options).ids,
    encodeWithOffsets,
    decode(list, { skipSpecials = false } = {}) {
      const strings = Array.from(list)
        .filter((id) => !(skipSpecials && specialIds.has(id)))
        .map((id) => tokens[id])
        .filter((token) => token !== undefined);
      return decoder ? decoder(strings).join('') : strings.join(' ');
    },
    idOf: (token) => ids.get(token),
    tokenOf: (id) => tokens[id],
    specialIds,
    addedIds,
    bosId: idOf(config.bos_token) ?? null,
    eosId: idOf(config.eos_token) ?? null,
    padId: idOf(config.pad_token) ?? null,
    size: tokens.length,
    chatTemplate:
      config.chat_template == null ? undefined : compileTemplate(config.chat_template, specialTokens(config)),
  };
}

const specialTokens = ({ bos_token, eos_token, unk_token, pad_token }: TokenizerConfig): Record<string, string> =>
  Object.fromEntries(
    Object.entries({ bos_token, eos_token, unk_token, pad_token }).filter(([, token]) => token != null),
  ) as Record<string, string>;

class TokenList {
  readonly ids: number[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];

  add(id: number, start: number, end: number): void {
    this.ids.push(id);
    this.starts.push(start);
    this.ends.push(end);
  }

  encoding(): Encoding {
    return { ids: Int32Array.from(this.ids), starts: Int32Array.from(this.starts), ends: Int32Array.from(this.ends) };
  }
}

/** tokenizers' pipeline: added tokens in the raw text, normalise, added tokens in the normalised text, words, merges. */
function createEncoder(file: TokenizerFile): (text: string, found: TokenList) => void {
  const normalize = createNormalizer(file.normalizer);
  const { split, byteLevel } = createPreTokenizer(file.pre_tokenizer);
  const { model } = file;
  const bpe = createBpe({
    ids: new Map(Object.entries(model.vocab)),
    merges: model.merges,
    unknown: model.unk_token == null ? null : (model.vocab[model.unk_token] ?? null),
    fuseUnknown: model.fuse_unk ?? false,
    byteFallback: model.byte_fallback ?? false,
    ignoreMerges: model.ignore_merges ?? false,
  });
  const literal = file.added_tokens.filter((token) => !token.normalized);
  const normalized = file.added_tokens.filter((token) => token.normalized);
  const splitRaw = createAddedSplitter(literal, (token) => token.content);
  const splitNormalized = createAddedSplitter(normalized, (token) => normalize(unchanged(token.content, 0)).text);
  const encodeWord = byteLevel ? byteWords(bpe) : characterWords(bpe);

  return (text, found) => {
    for (const raw of splitRaw(unchanged(text, 0))) {
      if (raw.token) {
        found.add(raw.token.id, raw.piece.base, raw.piece.base + raw.piece.text.length);
        continue;
      }
      for (const section of splitNormalized(normalize(raw.piece))) {
        const { piece, token } = section;
        if (token) found.add(token.id, startOf(piece, 0), endOf(piece, piece.text.length - 1));
        else for (const word of split(piece)) encodeWord(word, found);
      }
    }
  };
}

type EncodeWord = (word: Mapped, found: TokenList) => void;

const characterWords =
  (bpe: (word: string) => Word): EncodeWord =>
  (word, found) => {
    const { ids, ends } = bpe(word.text);
    let from = 0;
    for (let at = 0; at < ids.length; at++) {
      const to = ends[at]!;
      // Bytes of one character share its place.
      const first = to > from ? from : wideStart(word.text, to);
      found.add(ids[at]!, startOf(word, first), endOf(word, to - 1));
      from = to;
    }
  };

function byteWords(bpe: (word: string) => Word): EncodeWord {
  const encoder = new TextEncoder();
  return (word, found) => {
    const bytes = encoder.encode(word.text);
    let symbols = '';
    for (const byte of bytes) symbols += characterOfByte[byte]!;
    const { ids, ends } = bpe(symbols);
    const ascii = bytes.length === word.text.length;
    const places = ascii ? undefined : placesOfBytes(word.text, bytes.length);
    let from = 0;
    for (let at = 0; at < ids.length; at++) {
      const to = ends[at]!;
      const first = places ? places.starts[from]! : from;
      const last = places ? places.ends[to - 1]! : to;
      found.add(ids[at]!, startOf(word, first), endOf(word, last - 1));
      from = to;
    }
  };
}

/** Per UTF-8 byte of a word, the UTF-16 span of its character. */
function placesOfBytes(text: string, bytes: number): { starts: Int32Array; ends: Int32Array } {
  const starts = new Int32Array(bytes);
  const ends = new Int32Array(bytes);
  let byte = 0;
  let at = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    const size = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    starts.fill(at, byte, byte + size);
    at += character.length;
    ends.fill(at, byte, byte + size);
    byte += size;
  }
  return { starts, ends };
}

const wideStart = (text: string, end: number): number =>
  end >= 2 && text.charCodeAt(end - 1) >= 0xdc00 && text.charCodeAt(end - 1) <= 0xdfff ? end - 2 : end - 1;
