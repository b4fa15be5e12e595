import { resolve } from 'node:path';
import { silentLogger } from '../../common/log.js';
import { adapterLayout } from '../../worker/adapter/layout.js';
import { sitesOf } from '../../worker/adapter/sites.js';
import { adapterVector } from '../../worker/artifacts/adapter.js';
import { readAdapter } from '../../worker/artifacts/readAdapter.js';
import { openTokenizer } from '../../worker/data/tokenizer/openTokenizer.js';
import type { Tokenizer } from '../../worker/data/tokenizer.js';
import type { Base } from '../../worker/model/base.js';
import { createGenerator, type Generator } from '../../worker/model/generate.js';
import { resolveBase } from '../../worker/model/resolve.js';
import { hubSettings } from '../../worker/model/sources/hubSettings.js';
import { openStore } from '../../worker/store/open.js';
import type { Deps } from '../deps.js';

export interface OpenedModel {
  readonly base: Base;
  readonly tokenizer: Tokenizer;
  readonly generator: Generator;
}

/** Resolves a base that is named on the command line. */
export function openBase(
  source: string,
  { cacheDirectory, env, workingDirectory, clock, signal }: Deps,
): Promise<Base> {
  return resolveBase(
    { sources: [source] },
    {
      cacheDirectory,
      hub: hubSettings(env),
      openStore: (url) => openStore(url, {}, { clock }),
      python: 'python3',
      workingFolder: workingDirectory,
      clock,
      log: silentLogger,
      signal,
    },
  );
}

/** A base with an adapter folder (Espalier's or PEFT's) or without one, ready to answer. Close its generator. */
export async function openModel(
  base: Base,
  adapterFolder: string | undefined,
  { workingDirectory }: Pick<Deps, 'workingDirectory'>,
): Promise<OpenedModel> {
  const tokenizer = await openTokenizer(base.directory);
  const adapter = adapterFolder && (await readAdapter(resolve(workingDirectory, adapterFolder), base.spec));
  const layout = adapter && adapterLayout(adapter.method, sitesOf(base.spec));
  const generator = createGenerator(base, {
    adapter: adapter && layout ? { layout, method: adapter.method, vector: adapterVector(adapter, layout) } : null,
    device: 'cpu',
    log: silentLogger,
  });
  return { base, tokenizer, generator };
}

/** Ids of a prompt: as one user turn of the base's chat template, or as plain text. */
export function promptIds(tokenizer: Tokenizer, prompt: string, as: 'chat' | 'text', templateDate: string): Int32Array {
  if (as === 'text' || !tokenizer.chatTemplate) return tokenizer.encode(prompt, { specials: true });
  const messages = [{ role: 'user', content: prompt }];
  const { text } = tokenizer.chatTemplate.render({ messages, addGenerationPrompt: true, date: templateDate });
  return tokenizer.encode(text);
}

/** Greedy answers, without special tokens. */
export async function answers(
  { base, tokenizer, generator }: OpenedModel,
  prompts: readonly Int32Array[],
  { maxTokens, signal }: { readonly maxTokens: number; readonly signal: AbortSignal },
): Promise<readonly { readonly ids: Int32Array; readonly text: string }[]> {
  const stopIds = [...new Set([...base.spec.eosTokenIds, ...(tokenizer.eosId === null ? [] : [tokenizer.eosId])])];
  const found = await generator.generate(prompts, { maxTokens, stopIds, signal });
  return found.map((ids) => ({ ids, text: tokenizer.decode(ids, { skipSpecials: true }) }));
}
