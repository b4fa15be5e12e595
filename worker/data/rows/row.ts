import type { RowFormat } from '../choices.js';
import type { ChatMessage } from '../template.js';

/** A usable row, whatever its format was. */
export type Row =
  | {
      readonly kind: 'chat';
      readonly messages: readonly ChatMessage[];
      readonly tools: readonly unknown[] | undefined;
      /** Per message: may it be supervised? (`weight: 0` and `train: false` say no.) */
      readonly trained: readonly boolean[];
      /** Messages before this one are the prompt of a `prompt`/`completion` row: never supervised as completion. */
      readonly promptMessages: number;
    }
  | { readonly kind: 'completion'; readonly prompt: string; readonly completion: string }
  | { readonly kind: 'text'; readonly text: string };

/** Why a row cannot be used. Never quotes the row. */
export interface Unusable {
  readonly problem: string;
}

export const isUnusable = (value: object): value is Unusable => 'problem' in value;

const unusable = (problem: string): Unusable => ({ problem });

type Json = Readonly<Record<string, unknown>>;

/** Which format the keys of a row speak; data sets often carry further columns, so the most specific wins. */
export function formatOf(row: Json): RowFormat | undefined {
  if ('messages' in row) return 'messages';
  if ('prompt' in row && 'completion' in row) return 'prompt-completion';
  if ('instruction' in row && 'output' in row) return 'instruction';
  if ('text' in row) return 'text';
  return undefined;
}

export function parseObject(line: string): Json | Unusable {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return unusable('not valid JSON');
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return unusable('not a JSON object');
  if (/[\ufdd0-\ufdd3]/.test(line) || /\\ufdd[0-3]/i.test(line)) return unusable('holds U+FDD0 to U+FDD3');
  if (!wellFormed(value)) return unusable('holds half of a surrogate pair');
  return value as Json;
}

function wellFormed(value: unknown): boolean {
  if (typeof value === 'string') return !/\p{Surrogate}/u.test(value);
  if (Array.isArray(value)) return value.every(wellFormed);
  if (value === null || typeof value !== 'object') return true;
  return Object.entries(value).every(([key, item]) => wellFormed(key) && wellFormed(item));
}

export function parseRow(row: Json, format: RowFormat): Row | Unusable {
  switch (format) {
    case 'messages':
      return chat(row.messages, row.tools, 0);
    case 'prompt-completion':
      return promptCompletion(row);
    case 'instruction':
      return instruction(row);
    case 'text':
      if (typeof row.text !== 'string') return unusable('text is not a string');
      return row.text === '' ? unusable('text is empty') : { kind: 'text', text: row.text };
  }
}

function promptCompletion({ prompt, completion, tools }: Json): Row | Unusable {
  if (typeof prompt === 'string' && typeof completion === 'string')
    return completion === '' ? unusable('completion is empty') : { kind: 'completion', prompt, completion };
  if (Array.isArray(prompt) && Array.isArray(completion)) {
    if (completion.length === 0) return unusable('completion is empty');
    return chat([...prompt, ...completion], tools, prompt.length);
  }
  return unusable('prompt and completion are neither two strings nor two lists of messages');
}

function instruction({ instruction: task, input, output, system }: Json): Row | Unusable {
  if (typeof task !== 'string' || typeof output !== 'string') return unusable('instruction or output is not a string');
  if (input != null && typeof input !== 'string') return unusable('input is not a string');
  if (output === '') return unusable('output is empty');
  const content = input ? `${task}\n\n${input}` : task;
  const turns = [
    { role: 'user', content },
    { role: 'assistant', content: output },
  ];
  return chat(
    typeof system === 'string' && system ? [{ role: 'system', content: system }, ...turns] : turns,
    undefined,
    0,
  );
}

const roles = ['system', 'developer', 'user', 'assistant', 'tool'];

function chat(list: unknown, tools: unknown, promptMessages: number): Row | Unusable {
  if (!Array.isArray(list) || list.length === 0) return unusable('messages is not a list with entries');
  if (tools != null && !Array.isArray(tools)) return unusable('tools is not a list');
  const messages: ChatMessage[] = [];
  const trained: boolean[] = [];
  for (const item of list) {
    const message = parseMessage(item);
    if (isUnusable(message)) return message;
    messages.push(message.message);
    trained.push(message.trained);
  }
  if (!messages.slice(promptMessages).some(({ role }) => role === 'assistant')) return unusable('no assistant message');
  return { kind: 'chat', messages, tools: tools?.length ? tools : undefined, trained, promptMessages };
}

function parseMessage(item: unknown): { readonly message: ChatMessage; readonly trained: boolean } | Unusable {
  if (item === null || typeof item !== 'object' || Array.isArray(item)) return unusable('a message is not an object');
  const { role, content: raw, weight, train, tool_calls: calls, ...more } = item as Json;
  if (typeof role !== 'string' || !roles.includes(role)) return unusable(`a role is none of ${roles.join(', ')}`);
  if (weight != null && weight !== 0 && weight !== 1) return unusable('a weight is neither 0 nor 1');
  if (train != null && typeof train !== 'boolean') return unusable('train is neither true nor false');
  const toolCalls = calls == null ? undefined : parseToolCalls(calls);
  if (toolCalls && isUnusable(toolCalls)) return toolCalls;
  const content = raw == null && toolCalls ? '' : textOf(raw);
  if (content === undefined) return unusable('a content is not text');
  const known = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== null));
  const message = { ...known, role, content, ...(toolCalls ? { tool_calls: toolCalls } : {}) };
  return { message, trained: weight !== 0 && train !== false };
}

function textOf(content: unknown): string | undefined {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return undefined;
  const parts = content.map((part: Json | null) =>
    part?.type === 'text' && typeof part.text === 'string' ? part.text : undefined,
  );
  return parts.includes(undefined) ? undefined : parts.join('');
}

/** Chat templates print arguments as objects; OpenAI's format holds them as a string of JSON. */
function parseToolCalls(calls: unknown): readonly unknown[] | Unusable {
  if (!Array.isArray(calls) || calls.length === 0) return unusable('tool_calls is not a list with entries');
  return calls.map((call: Json | null) => {
    const { function: called, ...more } = call ?? {};
    if (called === null || typeof called !== 'object') return call;
    const { arguments: text } = called as Json;
    return { ...more, function: { ...called, arguments: typeof text === 'string' ? parsedOr(text) : text } };
  });
}

function parsedOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
