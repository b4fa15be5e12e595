interface PreTokenizer {
  readonly steps: readonly object[];
  readonly normalizer: object | null;
  /** Whole words found in the vocabulary stay whole, without a path of merges. */
  readonly ignoreMerges: boolean;
  /** What llama.cpp assumes where the file does not say. */
  readonly addsBos: boolean;
}

const gpt2Words = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)";
const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const wordsWithDigits = (digits: string): string =>
  `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const split = (Regex: string): object => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
const byteLevel = (useRegex: boolean): object => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});

const plain = { normalizer: null, ignoreMerges: false, addsBos: false };
const gpt2: PreTokenizer = { ...plain, steps: [byteLevel(true)] };
const llama3: PreTokenizer = {
  normalizer: null,
  ignoreMerges: true,
  addsBos: true,
  steps: [split(wordsWithDigits('\\p{N}{1,3}')), byteLevel(false)],
};
const qwen2: PreTokenizer = {
  ...plain,
  normalizer: { type: 'NFC' },
  steps: [split(wordsWithDigits('\\p{N}')), byteLevel(false)],
};
const smollm: PreTokenizer = {
  ...plain,
  steps: [{ type: 'Digits', individual_digits: true }, byteLevel(true)],
};

/** What llama.cpp does with files that name no pre-tokenizer: four splits, one within the other. */
const unnamed: PreTokenizer = {
  ...plain,
  steps: [
    split('[\\p{P}\\$\\+<=>\\^~\\|]+'),
    split(gpt2Words),
    split('\\p{N}+'),
    split('[0-9][0-9][0-9]'),
    byteLevel(false),
  ],
};

/** How text is cut into words before BPE, by `tokenizer.ggml.pre`; undefined when Espalier does not know it. */
export function preTokenizerOf(name: string): PreTokenizer | undefined {
  return byName.get(name);
}

const byName: ReadonlyMap<string, PreTokenizer> = new Map([
  ['default', unnamed],
  ['gpt-2', gpt2],
  ['llama-bpe', llama3],
  ['llama3', llama3],
  ['llama-v3', llama3],
  ['qwen2', qwen2],
  ['deepseek-r1-qwen', qwen2],
  ['smollm', smollm],
]);
