import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fail } from '../../../api/errors.js';
import { addedTokenSchema } from './added.js';
import { decoderSchema } from './decode.js';
import { normalizerSchema } from './normalize.js';
import { postProcessorSchema } from './postProcess.js';
import { preTokenizerSchema } from './preTokenize.js';

/** Checked by hand, as merges are: a schema per entry costs more time than all the rest of opening a tokenizer. */
const vocabulary = z.custom<Readonly<Record<string, number>>>(
  (value) =>
    value !== null &&
    typeof value === 'object' &&
    Object.values(value).every((id) => Number.isSafeInteger(id) && (id as number) >= 0),
  'not a table of tokens and ids',
);

type Merge = readonly [string, string];

const merges = z.array(z.unknown()).transform((list, context): readonly Merge[] =>
  list.map((item): Merge => {
    const pair: unknown = typeof item === 'string' ? item.split(' ') : item;
    if (Array.isArray(pair) && pair.length === 2 && pair.every((part) => typeof part === 'string' && part !== ''))
      return pair as unknown as Merge;
    context.addIssue({ code: 'custom', message: `a merge is two tokens, not ${JSON.stringify(item)}` });
    return z.NEVER;
  }),
);

const bpeSchema = z.object({
  type: z.literal('BPE').default('BPE'),
  vocab: vocabulary,
  merges,
  unk_token: z.string().nullish(),
  fuse_unk: z.boolean().nullish(),
  byte_fallback: z.boolean().nullish(),
  ignore_merges: z.boolean().nullish(),
  dropout: z.literal([0]).nullish(),
  continuing_subword_prefix: z.literal(['']).nullish(),
  end_of_word_suffix: z.literal(['']).nullish(),
});

const tokenizerSchema = z.object({
  added_tokens: z.array(addedTokenSchema).default([]),
  normalizer: normalizerSchema.nullish().transform((value) => value ?? null),
  pre_tokenizer: preTokenizerSchema.nullish().transform((value) => value ?? null),
  post_processor: postProcessorSchema.nullish().transform((value) => value ?? null),
  decoder: decoderSchema.nullish().transform((value) => value ?? null),
  model: bpeSchema,
});
export type TokenizerFile = z.infer<typeof tokenizerSchema>;

const specialToken = z
  .union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)])
  .nullish();

const configSchema = z.object({
  bos_token: specialToken,
  eos_token: specialToken,
  unk_token: specialToken,
  pad_token: specialToken,
  chat_template: z
    .union([
      z.string(),
      z
        .array(z.object({ name: z.string(), template: z.string() }))
        .transform((list) => list.find(({ name }) => name === 'default')?.template),
    ])
    .nullish(),
});
export type TokenizerConfig = z.infer<typeof configSchema>;

export async function readTokenizerFile(directory: string): Promise<TokenizerFile> {
  const file = join(directory, 'tokenizer.json');
  const json = await readJson(file);
  if (json === undefined) return fail('TokenizerMissing', { directory });
  refuseOtherModels(file, json);
  return parse(tokenizerSchema, file, json);
}

/** tokenizer_config.json, with special tokens and template from the files beside it where it has none. */
export async function readTokenizerConfig(directory: string): Promise<TokenizerConfig> {
  const file = join(directory, 'tokenizer_config.json');
  const config = parse(configSchema, file, (await readJson(file)) ?? {});
  const mapFile = join(directory, 'special_tokens_map.json');
  const map = parse(configSchema, mapFile, (await readJson(mapFile)) ?? {});
  const template = await readText(join(directory, 'chat_template.jinja'));
  return { ...map, ...withoutEmpty(config), chat_template: template ?? config.chat_template ?? undefined };
}

const withoutEmpty = (config: TokenizerConfig): TokenizerConfig =>
  Object.fromEntries(Object.entries(config).filter(([, value]) => value != null)) as TokenizerConfig;

/** Says by name what is not supported, before the schema says where the file differs. */
function refuseOtherModels(file: string, json: unknown): void {
  const model = z.object({ model: z.object({ type: z.string().optional() }) }).safeParse(json);
  const type = model.success ? (model.data.model.type ?? 'BPE') : 'BPE';
  if (type !== 'BPE') fail('TokenizerUnsupported', { file, feature: `the ${type} model` });
}

function parse<Schema extends z.ZodType>(schema: Schema, file: string, json: unknown): z.output<Schema> {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue?.path.join('.') ?? '';
  const unsupported = issue?.code === 'invalid_union' && issue.errors.length === 0;
  if (unsupported) return fail('TokenizerUnsupported', { file, feature: `${path} = ${at(json, issue.path)}` });
  return fail('TokenizerInvalid', { file, problem: `${path}: ${issue?.message ?? 'unreadable'}` });
}

function at(json: unknown, path: readonly PropertyKey[]): string {
  let value: unknown = json;
  for (const key of path) value = (value as Record<PropertyKey, unknown> | null)?.[key];
  return typeof value === 'string' ? value : (JSON.stringify(value)?.slice(0, 80) ?? 'undefined');
}

async function readJson(file: string): Promise<unknown> {
  const text = await readText(file);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    return fail('TokenizerInvalid', { file, problem: (error as Error).message.slice(0, 120) }, { cause: error });
  }
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
