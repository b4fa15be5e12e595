import { TemplateRefusal } from '../template/chatTemplate.js';
import type { ChatMessage, ChatTemplate, Rendered } from '../template.js';
import { isUnusable, type Unusable } from './row.js';

/** Where an assistant turn stands in the rendered text: from where a reply begins to after its end-of-turn token. */
export interface Turn {
  /** Index of its message. */
  readonly message: number;
  readonly start: number;
  readonly stop: number;
  /** Does an end-of-turn token close it? Without one a model does not learn to stop. */
  readonly ended: boolean;
}

export interface Conversation {
  readonly text: string;
  readonly turns: readonly Turn[];
}

type Render = (messages: readonly ChatMessage[], addGenerationPrompt: boolean) => Rendered;

/**
 * Renders a conversation and finds the assistant's turns in it: by `{% generation %}` marks when the template has them, else by
 * rendering what precedes the turn (with generation prompt) and what it completes, and where those are no prefixes of the
 * whole (templates that treat the last turn differently) by the place of a stand-in for its content.
 */
export function renderConversation(
  template: ChatTemplate,
  messages: readonly ChatMessage[],
  tools: readonly unknown[] | undefined,
  date: string,
  specials: readonly string[],
): Conversation | Unusable {
  const render: Render = (list, addGenerationPrompt) =>
    template.render({ messages: list, tools, addGenerationPrompt, date });
  const whole = attempt(() => render(messages, false));
  if (isUnusable(whole)) return whole;
  const indices = messages.flatMap(({ role }, at) => (role === 'assistant' ? [at] : []));
  if (template.hasGenerationMarks) return marked(whole, indices, specials);
  const turns: Turn[] = [];
  for (const at of indices) {
    const turn = findTurn(whole.text, messages, at, render, specials);
    if (turn === undefined) return { problem: 'an assistant turn cannot be found in the rendered conversation' };
    turns.push(turn);
  }
  return { text: whole.text, turns };
}

function marked(
  { text, generated }: Rendered,
  indices: readonly number[],
  specials: readonly string[],
): Conversation | Unusable {
  if (generated.length !== indices.length)
    return { problem: "the template's generation marks are not one per assistant message" };
  const turns = generated.map(([start, stop], at) => ({
    message: indices[at]!,
    start,
    stop,
    ended: specials.some((token) => text.slice(start, stop).trimEnd().endsWith(token)),
  }));
  return { text, turns };
}

function attempt(render: () => Rendered): Rendered | Unusable {
  try {
    return render();
  } catch (error) {
    if (error instanceof TemplateRefusal) return { problem: `refused by the chat template: ${error.message}` };
    throw error;
  }
}

function findTurn(
  text: string,
  messages: readonly ChatMessage[],
  at: number,
  render: Render,
  specials: readonly string[],
): Turn | undefined {
  const before = attempt(() => render(messages.slice(0, at), true));
  const through = attempt(() => render(messages.slice(0, at + 1), false));
  let start = !isUnusable(before) && text.startsWith(before.text) ? before.text.length : undefined;
  let stop = !isUnusable(through) && text.startsWith(through.text) ? through.text.length : undefined;
  const content = messages[at]?.content?.trim() ?? '';
  if (start === undefined || stop === undefined || !text.slice(start, stop).includes(content)) {
    const place = contentPlace(text, messages, at, render);
    if (place === undefined) return undefined;
    if (start === undefined || start > place.start) start = place.start;
    stop = endOfTurn(text, place.stop, specials);
  }
  return { message: at, start, ...trimmed(text, start, stop, specials) };
}

const standIn = '\ufdd2content\ufdd3';

/** Puts a stand-in where the content is: what surrounds it in the result surrounds the content in `text`. */
function contentPlace(
  text: string,
  messages: readonly ChatMessage[],
  at: number,
  render: Render,
): { readonly start: number; readonly stop: number } | undefined {
  if (!messages[at]?.content) return undefined;
  const replaced = messages.map((message, index) => (index === at ? { ...message, content: standIn } : message));
  const rendered = attempt(() => render(replaced, false));
  if (isUnusable(rendered)) return undefined;
  const start = rendered.text.indexOf(standIn);
  const after = rendered.text.slice(start + standIn.length);
  const stop = text.length - after.length;
  const fits = start >= 0 && stop >= start && text.startsWith(rendered.text.slice(0, start)) && text.endsWith(after);
  return fits ? { start, stop } : undefined;
}

/** After white space and the special token that follow the content, if they do. */
function endOfTurn(text: string, contentStop: number, specials: readonly string[]): number {
  const rest = text.slice(contentStop);
  const blank = rest.length - rest.trimStart().length;
  const token = specials.find((special) => rest.startsWith(special, blank));
  return token === undefined ? contentStop : contentStop + blank + token.length;
}

/** Drops the white space after the end-of-turn token: a model that stops there never writes it. */
function trimmed(
  text: string,
  start: number,
  stop: number,
  specials: readonly string[],
): { stop: number; ended: boolean } {
  const length = text.slice(start, stop).trimEnd().length;
  const ended = specials.some((special) => text.slice(start, start + length).endsWith(special));
  return { stop: ended ? start + length : stop, ended };
}
