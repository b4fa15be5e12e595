import { entry, list } from './entry.js';

const badInput = { retry: false, grpc: 'INVALID_ARGUMENT', exit: 2 } as const;

/** ESP-3nnn: training and evaluation data, tokenizers, chat templates. */
export const dataErrors = {
  DataMissing: entry<{ source: string }>({
    code: 'ESP-3001',
    retry: false,
    grpc: 'NOT_FOUND',
    exit: 2,
    message: ({ source }) => `no data at ${source}`,
    remedy: () => 'check spec.data: paths are relative to the job file',
  }),
  DataEmpty: entry<{ source: string }>({
    ...badInput,
    code: 'ESP-3002',
    message: ({ source }) => `${source} holds no row`,
    remedy: () => 'write one JSON object per line',
  }),
  DataNotUtf8: entry<{ source: string; line: number }>({
    ...badInput,
    code: 'ESP-3003',
    message: ({ source, line }) => `${source}:${line} is not UTF-8`,
    remedy: () => 'save the file as UTF-8, for instance with iconv -t UTF-8',
  }),
  DataLineTooLong: entry<{ source: string; line: number; limitBytes: number }>({
    ...badInput,
    code: 'ESP-3004',
    message: ({ source, line, limitBytes }) => `${source}:${line} is longer than ${limitBytes / 2 ** 20} MiB`,
    remedy: () => 'JSONL holds one JSON object per line: split long documents into rows',
  }),
  DataCompressionBroken: entry<{ source: string; problem: string }>({
    ...badInput,
    code: 'ESP-3005',
    message: ({ source, problem }) => `${source} is not whole gzip: ${problem}`,
    remedy: () => 'compress the file again; gzip -t checks it',
  }),
  DataFormatsMixed: entry<{ source: string; line: number; first: string; found: string }>({
    ...badInput,
    code: 'ESP-3006',
    message: ({ source, line, first, found }) => `${source} begins with rows of ${first}, but line ${line} is ${found}`,
    remedy: () => 'keep one format per file, or set spec.data.format',
  }),
  DataFormatUnknown: entry<{ source: string; line: number; keys: readonly string[] }>({
    ...badInput,
    code: 'ESP-3007',
    message: ({ source, line, keys }) => `${source}:${line} has the keys ${list(keys)}, which are no known format`,
    remedy: () => 'a row has messages; prompt and completion; instruction and output; or text',
  }),
  DataUnusable: entry<{ split: string; reasons: readonly string[] }>({
    ...badInput,
    code: 'ESP-3008',
    message: ({ split, reasons }) => `no row of ${split} can be used: ${list(reasons)}`,
    remedy: () => 'correct the rows named above',
  }),
  SupervisionEmpty: entry<{ split: string; supervise: string }>({
    ...badInput,
    code: 'ESP-3009',
    message: ({ split, supervise }) => `not one token of ${split} is supervised with supervise: ${supervise}`,
    remedy: () => 'check roles, weights and spec.data.maxTokens, or set spec.data.supervise: all',
  }),
  SourceUnsupported: entry<{ source: string }>({
    ...badInput,
    code: 'ESP-3010',
    message: ({ source }) => `cannot read data from ${source}`,
    remedy: () => 'give a path or an s3:// URL of a .jsonl or .jsonl.gz file',
  }),
  TokenizerMissing: entry<{ directory: string }>({
    code: 'ESP-3101',
    retry: false,
    grpc: 'NOT_FOUND',
    exit: 2,
    message: ({ directory }) => `no tokenizer.json in ${directory}`,
    remedy: () => 'save the tokenizer beside the model with save_pretrained',
  }),
  TokenizerInvalid: entry<{ file: string; problem: string }>({
    ...badInput,
    code: 'ESP-3102',
    message: ({ file, problem }) => `${file} is not a usable tokenizer: ${problem}`,
    remedy: () => 'fetch the file again, or save it again with save_pretrained',
  }),
  TokenizerUnsupported: entry<{ file: string; feature: string }>({
    ...badInput,
    code: 'ESP-3103',
    message: ({ file, feature }) => `${file} uses ${feature}, which Espalier does not support`,
    remedy: () => 'use a base with a BPE tokenizer of the Llama, Mistral or Qwen kind',
  }),
  TokenizerMismatch: entry<{ tokens: number; vocabSize: number }>({
    ...badInput,
    code: 'ESP-3104',
    message: ({ tokens, vocabSize }) => `the tokenizer has ids up to ${tokens - 1}, the base embeds only ${vocabSize}`,
    remedy: () => "use the base's own tokenizer",
  }),
  ChatTemplateMissing: entry<{ format: string }>({
    ...badInput,
    code: 'ESP-3105',
    message: ({ format }) => `rows of ${format} need a chat template, and the base has none`,
    remedy: () => 'use an instruct base, or rows of text or of prompt and completion',
  }),
  ChatTemplateUnsupported: entry<{ problem: string }>({
    ...badInput,
    code: 'ESP-3106',
    message: ({ problem }) => `the base's chat template is not supported: ${problem}`,
    remedy: () => 'put a simpler template into chat_template.jinja beside the base',
  }),
};
