import type { Supervise, Truncation } from '../choices.js';
import { type Document, supervisedTokens } from '../pack/sequences.js';
import type { ChatTemplate } from '../template.js';
import type { Tokenizer } from '../tokenizer.js';
import { isUnusable, type Row, type Unusable } from './row.js';
import { renderConversation, type Turn } from './turns.js';

export interface Encoder {
  readonly tokenizer: Tokenizer;
  /** Present whenever a chat row is encoded. */
  readonly template: ChatTemplate | undefined;
  readonly maxTokens: number;
  readonly supervise: Supervise;
  readonly truncation: Truncation;
  readonly templateDate: string;
  /** Texts of the special tokens. */
  readonly specials: readonly string[];
}

export interface EncodedRow {
  /** One, or the pieces of a long text. */
  readonly documents: readonly Document[];
  readonly tokensCut: number;
  readonly mergedBoundaries: number;
  readonly unendedTurns: number;
}

export function encodeRow(row: Row, encoder: Encoder): EncodedRow | Unusable {
  switch (row.kind) {
    case 'text':
      return encodeText(row.text, encoder);
    case 'completion':
      return encodeCompletion(row, encoder);
    case 'chat':
      return encodeChat(row, encoder);
  }
}

/**
 * A text is supervised whole and ends with the end-of-sequence token. A long one is cut into pieces that overlap by one
 * token, so that each token but the first is predicted exactly once.
 */
function encodeText(text: string, { tokenizer, maxTokens }: Encoder): EncodedRow | Unusable {
  const ids = withEnd(tokenizer.encode(text, { specials: true }), tokenizer.eosId);
  const documents: Document[] = [];
  for (let from = 0; from === 0 || from + 1 < ids.length; from += maxTokens - 1) {
    const piece = ids.slice(from, from + maxTokens);
    documents.push({ ids: piece, supervised: new Uint8Array(piece.length).fill(1) });
  }
  if (ids.length < 2) return { problem: 'nothing to predict in a single token' };
  return { documents, tokensCut: 0, mergedBoundaries: 0, unendedTurns: 0 };
}

function withEnd(ids: Int32Array, eosId: number | null): Int32Array {
  if (eosId === null || ids.at(-1) === eosId) return ids;
  const longer = new Int32Array(ids.length + 1);
  longer.set(ids);
  longer[ids.length] = eosId;
  return longer;
}

function encodeCompletion(
  { prompt, completion }: Extract<Row, { kind: 'completion' }>,
  encoder: Encoder,
): EncodedRow | Unusable {
  const { tokenizer, supervise } = encoder;
  const text = prompt + completion;
  const { ids: bare, starts, ends } = tokenizer.encodeWithOffsets(text, { specials: true });
  const ids = withEnd(bare, tokenizer.eosId);
  const supervised = new Uint8Array(ids.length).fill(supervise === 'all' ? 1 : 0);
  const merged = markSpan(supervised, starts, ends, prompt.length, text.length);
  if (ids.length > bare.length || (starts.at(-1) === text.length && bare.at(-1) === tokenizer.eosId))
    supervised[ids.length - 1] = 1;
  return cut({ ids, supervised }, encoder, {
    mergedBoundaries: merged,
    unendedTurns: tokenizer.eosId === null ? 1 : 0,
  });
}

function encodeChat(row: Extract<Row, { kind: 'chat' }>, encoder: Encoder): EncodedRow | Unusable {
  const { tokenizer, template, templateDate, specials, supervise } = encoder;
  if (template === undefined) return { problem: 'the base has no chat template' };
  const refused = refusedByName(row, template);
  if (refused) return { problem: refused };
  const conversation = renderConversation(template, row.messages, row.tools, templateDate, specials);
  if (isUnusable(conversation)) return conversation;
  const { ids, starts, ends } = tokenizer.encodeWithOffsets(conversation.text);
  const supervised = new Uint8Array(ids.length).fill(supervise === 'all' ? 1 : 0);
  const turns = supervise === 'all' ? [] : chosen(row, conversation.turns, supervise);
  let mergedBoundaries = 0;
  for (const { start, stop } of turns) mergedBoundaries += markSpan(supervised, starts, ends, start, stop);
  return cut({ ids, supervised }, encoder, {
    mergedBoundaries,
    unendedTurns: turns.filter(({ ended }) => !ended).length,
  });
}

function chosen(row: Extract<Row, { kind: 'chat' }>, turns: readonly Turn[], supervise: Supervise): readonly Turn[] {
  const open = turns.filter(({ message }) => row.trained[message] && message >= row.promptMessages);
  if (supervise === 'assistant') return open;
  const last = turns.at(-1);
  return open.filter((turn) => (row.promptMessages > 0 ? true : turn === last));
}

/** What a template does not mention it would leave out silently. */
function refusedByName(
  { messages, tools }: Extract<Row, { kind: 'chat' }>,
  { source }: ChatTemplate,
): string | undefined {
  if (tools && !/\btools\b/.test(source)) return 'tools: the chat template of the base has none';
  if (messages.some((message) => 'tool_calls' in message) && !/\btool_calls\b/.test(source))
    return 'tool_calls: the chat template of the base has none';
  return undefined;
}

/**
 * Supervises every token that holds a character of `[start, stop)`, as transformers' assistant mask does.
 * @returns 1 when a token reaches across the start: the tokenizer merged prompt and reply there.
 */
function markSpan(supervised: Uint8Array, starts: Int32Array, ends: Int32Array, start: number, stop: number): number {
  let merged = 0;
  for (let at = 0; at < starts.length; at++) {
    if (ends[at]! <= start || starts[at]! >= stop) continue;
    supervised[at] = 1;
    if (starts[at]! < start) merged = 1;
  }
  return merged;
}

function cut(
  document: Document,
  { maxTokens, truncation }: Encoder,
  facts: Pick<EncodedRow, 'mergedBoundaries' | 'unendedTurns'>,
): EncodedRow | Unusable {
  if (supervisedTokens(document) === 0) return { problem: 'nothing to supervise' };
  const tokensCut = Math.max(0, document.ids.length - maxTokens);
  if (tokensCut > 0 && truncation === 'drop') return { problem: 'longer than maxTokens' };
  const from = truncation === 'start' ? tokensCut : 0;
  const kept = {
    ids: document.ids.slice(from, from + maxTokens),
    supervised: document.supervised.slice(from, from + maxTokens),
  };
  if (supervisedTokens(kept) === 0) return { problem: 'nothing to supervise is left within maxTokens' };
  return { documents: [kept], tokensCut, ...facts };
}
