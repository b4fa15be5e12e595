import { z } from 'zod';

const specialToken = z.object({ SpecialToken: z.object({ id: z.string() }) });
const sequence = z.object({ Sequence: z.object({ id: z.string() }) });

type PostProcessorConfig =
  | { readonly type: 'Sequence'; readonly processors: readonly PostProcessorConfig[] }
  | { readonly type: 'ByteLevel' }
  | {
      readonly type: 'TemplateProcessing';
      readonly single: readonly (z.infer<typeof specialToken> | z.infer<typeof sequence>)[];
      readonly special_tokens: Readonly<Record<string, { readonly ids: readonly number[] }>>;
    };

export const postProcessorSchema: z.ZodType<PostProcessorConfig> = z.lazy(() =>
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('Sequence'), processors: z.array(postProcessorSchema) }),
    z.object({ type: z.literal('ByteLevel') }),
    z.object({
      type: z.literal('TemplateProcessing'),
      single: z.array(z.union([specialToken, sequence])),
      special_tokens: z.record(z.string(), z.object({ ids: z.array(z.int()) })),
    }),
  ]),
);

/** Ids that go before and after one text. */
export interface Affixes {
  readonly before: readonly number[];
  readonly after: readonly number[];
}

export function affixesOf(config: PostProcessorConfig | null): Affixes {
  if (config === null || config.type === 'ByteLevel') return { before: [], after: [] };
  if (config.type === 'Sequence') {
    return config.processors.map(affixesOf).reduce(
      (inner, outer) => ({
        before: [...outer.before, ...inner.before],
        after: [...inner.after, ...outer.after],
      }),
      { before: [], after: [] },
    );
  }
  const at = config.single.findIndex((item) => 'Sequence' in item);
  const idsOf = (items: typeof config.single) =>
    items.flatMap((item) => ('SpecialToken' in item ? (config.special_tokens[item.SpecialToken.id]?.ids ?? []) : []));
  return { before: idsOf(config.single.slice(0, at)), after: idsOf(config.single.slice(at + 1)) };
}
