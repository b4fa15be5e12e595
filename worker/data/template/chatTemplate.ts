import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { fail } from '../../../api/errors.js';
import type { ChatTemplate, Rendered, TemplateInput } from '../template.js';
import { formatDate } from './strftime.js';
import { allowUndefinedLoops } from './undefinedLoops.js';

/** Thrown when a template itself refuses a conversation (`raise_exception`): the row's fault, not the template's. */
export class TemplateRefusal extends Error {}

const open = '\ufdd0';
const close = '\ufdd1';
/** Noncharacters that stand for `{% generation %}` and `{% endgeneration %}` in rendered text; rows must not hold them. */
export const generationMarks: readonly string[] = [open, close];

/** The template is parsed on first use, so a base whose template is not supported still trains on plain text. */
export function compileTemplate(source: string, specialTokens: Readonly<Record<string, string>>): ChatTemplate {
  const hasGenerationMarks = /\{%[-+]?\s*generation\s*[-+]?%\}/.test(source);
  let program: ReturnType<typeof parse> | undefined;
  return {
    source,
    hasGenerationMarks,
    render(input) {
      program ??= parseTemplate(source);
      return splitMarks(run(program, input, specialTokens));
    },
  };
}

function parseTemplate(source: string): ReturnType<typeof parse> {
  try {
    return allowUndefinedLoops(parse(tokenize(withMarks(source), { lstrip_blocks: true, trim_blocks: true })));
  } catch (error) {
    return fail('ChatTemplateUnsupported', { problem: (error as Error).message.slice(0, 200) }, { cause: error });
  }
}

/**
 * The Jinja library has no `generation` block (a transformers extension), so its ends become printed marks between blocks
 * that keep the white space control of the original.
 */
function withMarks(source: string): string {
  return source
    .replace(/\{%([-+]?)\s*generation\s*([-+]?)%\}/g, `{%$1 if true %}{{ '${open}' }}{% set espalier_mark = 1 $2%}`)
    .replace(/\{%([-+]?)\s*endgeneration\s*([-+]?)%\}/g, `{%$1 set espalier_mark = 0 %}{{ '${close}' }}{% endif $2%}`);
}

function run(
  program: ReturnType<typeof parse>,
  { messages, tools, addGenerationPrompt, date }: TemplateInput,
  specialTokens: Readonly<Record<string, string>>,
): string {
  const environment = new Environment();
  const globals: Record<string, unknown> = {
    false: false,
    true: true,
    none: null,
    False: false,
    True: true,
    None: null,
    range,
    raise_exception: (message: unknown) => {
      throw new TemplateRefusal(String(message));
    },
    strftime_now: (format: string) => formatDate(date, format),
    ...specialTokens,
    messages,
    add_generation_prompt: addGenerationPrompt,
    tools: tools ?? null,
    documents: null,
  };
  for (const [name, value] of Object.entries(globals)) environment.set(name, value);
  try {
    return (new Interpreter(environment).run(program) as unknown as { readonly value: string }).value;
  } catch (error) {
    if (error instanceof TemplateRefusal) throw error;
    return fail('ChatTemplateUnsupported', { problem: (error as Error).message.slice(0, 200) }, { cause: error });
  }
}

function range(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop == null ? [0, start] : [start, stop];
  const length = Math.max(0, Math.ceil((to - from) / step));
  return Array.from({ length }, (_, at) => from + at * step);
}

function splitMarks(marked: string): Rendered {
  if (!marked.includes(open)) return { text: marked, generated: [] };
  const generated: [number, number][] = [];
  let text = '';
  let start = 0;
  for (const part of marked.split(/([\ufdd0\ufdd1])/)) {
    if (part === open) start = text.length;
    else if (part === close) generated.push([start, text.length]);
    else text += part;
  }
  return { text, generated };
}
