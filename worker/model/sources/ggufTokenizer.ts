import { fail } from '../../../api/errors.js';
import type { Gguf } from '../gguf/format.js';
import { metadataOf } from './ggufConfig.js';
import { preTokenizerOf } from './ggufPreTokenizer.js';
import { mergesFromScores } from './spmMerges.js';

/** llama.cpp's token types. */
const tokenTypes = { unknown: 2, control: 3, userDefined: 4, unused: 5 } as const;

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
}

/**
 * The tokenizer files of a Hugging Face folder, rebuilt from a GGUF file's tokens, merges or scores, and types:
 * byte-level BPE (`gpt2`) and SentencePiece BPE with byte fallback (`llama`).
 */
export function tokenizerFiles(gguf: Gguf): Map<string, Uint8Array> {
  const metadata = metadataOf(gguf);
  const vocabulary = readVocabulary(gguf);
  const kind = metadata.text('tokenizer.ggml.model') ?? 'none';
  const build =
    builders[kind] ?? fail('TokenizerUnsupported', { file: gguf.path, feature: `tokenizer.ggml.model ${kind}` });
  const { parts, addsBos } = build(gguf, vocabulary);
  const tokenOf = (key: string) => {
    const id = metadata.number(`tokenizer.ggml.${key}`);
    if (id === undefined) return null;
    return vocabulary.tokens[id] ?? metadata.invalid(`tokenizer.ggml.${key}`, id, `below ${vocabulary.tokens.length}`);
  };
  const special = {
    bos_token: tokenOf('bos_token_id'),
    eos_token: tokenOf('eos_token_id'),
    unk_token: tokenOf('unknown_token_id'),
    pad_token: tokenOf('padding_token_id'),
  };
  const addBos = (metadata.boolean('tokenizer.ggml.add_bos_token') ?? addsBos) && special.bos_token !== null;
  const addEos = (metadata.boolean('tokenizer.ggml.add_eos_token') ?? false) && special.eos_token !== null;
  const around = [...(addBos ? [special.bos_token!] : []), null, ...(addEos ? [special.eos_token!] : [])];
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: addedTokens(vocabulary),
    ...parts,
    post_processor: postProcessor(around, vocabulary, parts.post_processor),
  };
  const given = Object.fromEntries(Object.entries(special).filter(([, token]) => token !== null));
  const template = metadata.text('tokenizer.chat_template');
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    add_bos_token: addBos,
    add_eos_token: addEos,
    clean_up_tokenization_spaces: false,
    model_max_length: metadata.number(`${metadata.text('general.architecture')}.context_length`),
    ...given,
    ...(template === undefined ? {} : { chat_template: template }),
  };
  return new Map([
    ['tokenizer.json', encode(tokenizer)],
    ['tokenizer_config.json', encode(config)],
    ['special_tokens_map.json', encode(given)],
  ]);
}

const encode = (json: unknown): Uint8Array => new TextEncoder().encode(`${JSON.stringify(json, null, 1)}\n`);

function readVocabulary(gguf: Gguf): Vocabulary {
  const tokens = array<string>(gguf, 'tokens', 'string');
  const types = gguf.metadata.has('tokenizer.ggml.token_type')
    ? array<number>(gguf, 'token_type', 'number')
    : tokens.map(() => 1);
  if (types.length !== tokens.length)
    metadataOf(gguf).invalid('tokenizer.ggml.token_type', `${types.length} long`, `${tokens.length} entries`);
  return { tokens, types };
}

function array<Item>(gguf: Gguf, name: string, type: 'string' | 'number'): readonly Item[] {
  const key = `tokenizer.ggml.${name}`;
  const entry = gguf.metadata.get(key);
  if (entry === undefined)
    return fail('GgufInvalid', {
      file: gguf.path,
      item: null,
      rule: 'missing',
      stated: key,
      allowed: `a list (${type})`,
    });
  const fits = entry.type === 'array' && entry.value.every((item) => typeof item === type);
  return fits ? (entry.value as readonly Item[]) : metadataOf(gguf).invalid(key, entry.type, `a list (${type})`);
}

interface Parts {
  readonly normalizer: object | null;
  readonly pre_tokenizer: object | null;
  readonly post_processor: object | null;
  readonly decoder: object;
  readonly model: object;
}

type Builder = (gguf: Gguf, vocabulary: Vocabulary) => { readonly parts: Parts; readonly addsBos: boolean };

const builders: Readonly<Record<string, Builder>> = {
  gpt2: (gguf, vocabulary) => {
    const pre = metadataOf(gguf).text('tokenizer.ggml.pre') ?? 'default';
    const { steps, normalizer, ignoreMerges, addsBos } =
      preTokenizerOf(pre) ?? fail('TokenizerUnsupported', { file: gguf.path, feature: `tokenizer.ggml.pre ${pre}` });
    const merges = array<string>(gguf, 'merges', 'string').map((merge) => pairOf(gguf, merge));
    const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
    const parts = {
      normalizer,
      pre_tokenizer: steps.length === 1 ? steps[0]! : { type: 'Sequence', pretokenizers: steps },
      post_processor: { ...byteLevel, trim_offsets: false },
      decoder: byteLevel,
      model: { ...bpe, ignore_merges: ignoreMerges, vocab: vocabOf(gguf, vocabulary), merges },
    };
    return { parts, addsBos };
  },
  llama: (gguf, vocabulary) => {
    const scores = array<number>(gguf, 'scores', 'number');
    const addsSpace = metadataOf(gguf).boolean('tokenizer.ggml.add_space_prefix') ?? true;
    const unknown = vocabulary.types.indexOf(tokenTypes.unknown);
    const strip = { type: 'Strip', content: ' ', start: 1, stop: 0 };
    const parts = {
      normalizer: null,
      // As transformers' own Llama tokenizer: text that begins with a space gets no second one.
      pre_tokenizer: {
        type: 'Metaspace',
        replacement: '\u2581',
        prepend_scheme: addsSpace ? 'first' : 'never',
        split: false,
      },
      post_processor: null,
      decoder: {
        type: 'Sequence',
        decoders: [
          { type: 'Replace', pattern: { String: '\u2581' }, content: ' ' },
          { type: 'ByteFallback' },
          { type: 'Fuse' },
          ...(addsSpace ? [strip] : []),
        ],
      },
      model: {
        ...bpe,
        unk_token: vocabulary.tokens[unknown] ?? null,
        fuse_unk: true,
        byte_fallback: true,
        vocab: vocabOf(gguf, vocabulary),
        merges: mergesFromScores(vocabulary.tokens, scores),
      },
    };
    return { parts, addsBos: true };
  },
};

const bpe = {
  type: 'BPE',
  dropout: null,
  unk_token: null as string | null,
  continuing_subword_prefix: null,
  end_of_word_suffix: null,
  fuse_unk: false,
  byte_fallback: false,
  ignore_merges: false,
};

/** "left right"; a piece may itself begin with a space, as in llama.cpp the search starts at the second character. */
function pairOf(gguf: Gguf, merge: string): [string, string] {
  const space = merge.indexOf(' ', 1);
  if (space < 1) return metadataOf(gguf).invalid('tokenizer.ggml.merges', JSON.stringify(merge), 'two pieces');
  return [merge.slice(0, space), merge.slice(space + 1)];
}

/** Unused entries (`[PAD151936]`) fill the embedding up and are no tokens. */
function vocabOf(gguf: Gguf, { tokens, types }: Vocabulary): Record<string, number> {
  const vocab = new Map<string, number>();
  for (const [id, token] of tokens.entries()) {
    if (types[id] === tokenTypes.unused) continue;
    if (vocab.has(token)) metadataOf(gguf).invalid('tokenizer.ggml.tokens', JSON.stringify(token), 'distinct tokens');
    vocab.set(token, id);
  }
  return Object.fromEntries(vocab);
}

function addedTokens({ tokens, types }: Vocabulary): object[] {
  const added: number[] = [tokenTypes.unknown, tokenTypes.control, tokenTypes.userDefined];
  return [...tokens.entries()]
    .filter(([id]) => added.includes(types[id]!))
    .map(([id, content]) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: types[id] !== tokenTypes.userDefined,
    }));
}

/** `around` = tokens before and after the text, which stands as null. */
function postProcessor(
  around: readonly (string | null)[],
  { tokens }: Vocabulary,
  given: object | null,
): object | null {
  if (around.length === 1) return given;
  const template = (sequence: 'A' | 'B') =>
    around.map((token) =>
      token === null
        ? { Sequence: { id: sequence, type_id: sequence === 'A' ? 0 : 1 } }
        : { SpecialToken: { id: token, type_id: sequence === 'A' ? 0 : 1 } },
    );
  const used = [...new Set(around.filter((token) => token !== null))];
  const processor = {
    type: 'TemplateProcessing',
    single: template('A'),
    pair: [...template('A'), ...template('B')],
    special_tokens: Object.fromEntries(used.map((id) => [id, { id, ids: [tokens.indexOf(id)], tokens: [id] }])),
  };
  return given === null ? processor : { type: 'Sequence', processors: [given, processor] };
}
