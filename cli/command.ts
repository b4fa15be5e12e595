import { parseArgs } from 'node:util';
import { z } from 'zod';
import { fail } from '../api/errors.js';
import { type SchemaNode, schemaOf } from '../api/jsonSchema.js';
import { nearest } from '../api/nearest.js';
import { expectation } from '../api/parse/expectation.js';
import type { Deps } from './deps.js';
import type { CliEvent } from './events.js';

/**
 * One command. `args` is a strict object: each field is the flag `--kebab-case` (a boolean is a switch, a list may be
 * repeated), or a positional argument when made by `positional`. Descriptions become the help.
 */
export interface Command {
  /** One or two words, e.g. `run`, `cache ls`. */
  readonly name: string;
  readonly summary: string;
  readonly args: z.ZodObject;
  readonly run: (args: never, deps: Deps) => AsyncIterable<CliEvent>;
}

/** Types `run`'s arguments by `args`. */
export const defineCommand = <Args extends z.ZodObject>(command: {
  readonly name: string;
  readonly summary: string;
  readonly args: Args;
  readonly run: (args: z.output<Args>, deps: Deps) => AsyncIterable<CliEvent>;
}): Command => command;

/** A positional argument, or with a list schema all that remain. */
export const positional = <T extends z.ZodType>(schema: T, placeholder: string, what: string): T =>
  schema.meta({ description: what, placeholder, positional: true });

/** A flag with a value; `placeholder` stands for the value in the help. */
export const flag = <T extends z.ZodType>(schema: T, placeholder: string, what: string): T =>
  schema.meta({ description: what, placeholder });

/** A flag without a value. */
export const toggle = (what: string) => z.boolean().describe(what).default(false);

/** One argument as help and the parser see it. */
export interface Argument {
  readonly field: string;
  /** `--max-steps`, or `FILE` for a positional. */
  readonly label: string;
  readonly flag: string;
  readonly kind: 'positional' | 'switch' | 'value';
  readonly many: boolean;
  readonly required: boolean;
  readonly placeholder: string;
  readonly node: SchemaNode;
}

export function argumentsOf(command: Command): readonly Argument[] {
  const root = schemaOf(command.args);
  return Object.entries(root.properties ?? {}).map(([field, node]) => {
    const { positional, placeholder } = node as { positional?: boolean; placeholder?: string };
    const flag = field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const many = node.type === 'array';
    return {
      field,
      flag,
      label: positional ? placeholder! : `--${flag}`,
      kind: positional ? 'positional' : node.type === 'boolean' ? 'switch' : 'value',
      many,
      required: root.required?.includes(field) ?? false,
      placeholder: placeholder ?? field.toUpperCase(),
      node,
    };
  });
}

/** Words after the command's name -> its typed arguments. Throws one coded error for the first wrong word. */
export function readArguments(command: Command, words: readonly string[]): never {
  const known = argumentsOf(command);
  const wrong = (argument: string, what: string): never =>
    fail('ArgumentInvalid', { command: command.name, argument, what, usage: usage(command) });
  const flags = known.filter(({ kind }) => kind !== 'positional');
  const { tokens } = parseArgs({
    args: [...words],
    strict: false,
    tokens: true,
    allowPositionals: true,
    options: Object.fromEntries(
      flags.map(({ flag, kind }) => [flag, { type: kind === 'switch' ? ('boolean' as const) : ('string' as const) }]),
    ),
  });

  const found: Record<string, unknown> = {};
  const loose: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') loose.push(token.value);
    if (token.kind !== 'option') continue;
    const argument = flags.find(({ flag }) => flag === token.name);
    if (!argument) {
      const near = nearest(token.name, flags.map(({ flag }) => flag)); // biome-ignore format: one thought
      fail('FlagUnknown', { command: command.name, flag: token.rawName, nearest: near.map((name) => `--${name}`) });
    }
    if (argument.kind === 'switch' && token.value !== undefined) wrong(argument.label, 'takes no value');
    if (argument.kind === 'value' && token.value === undefined) wrong(argument.label, `needs ${argument.placeholder}`);
    if (argument.many) found[argument.field] = [...((found[argument.field] as string[]) ?? []), token.value];
    else if (argument.field in found) wrong(argument.label, 'is given twice');
    else found[argument.field] = argument.kind === 'switch' ? true : token.value;
  }
  for (const argument of known.filter(({ kind }) => kind === 'positional')) {
    if (argument.many) found[argument.field] = loose.splice(0);
    else if (loose.length > 0) found[argument.field] = loose.shift();
  }
  if (loose[0] !== undefined) wrong(loose[0], 'is one argument too many');
  return checked(command, known, found, wrong) as never;
}

function checked(
  command: Command,
  known: readonly Argument[],
  found: Readonly<Record<string, unknown>>,
  wrong: (argument: string, what: string) => never,
): unknown {
  const parsed = command.args.safeParse(found);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const argument = known.find(({ field }) => field === issue.path[0]);
  if (!argument) return wrong(command.name, issue.message);
  const value = found[argument.field];
  if (value === undefined) return wrong(argument.label, 'is missing');
  const node = argument.many ? (argument.node.items ?? argument.node) : argument.node;
  const written = Array.isArray(value) ? String(value[Number(issue.path[1] ?? 0)]) : String(value);
  return wrong(argument.label, issue.code === 'custom' ? issue.message : `is ${written}, not ${expectation(node)}`);
}

/** `espalier validate FILE [--set PATH=VALUE]... [--json]`. */
export function usage(command: Command): string {
  const words = argumentsOf(command).map(({ kind, label, placeholder, many, required }) => {
    const word = kind === 'value' ? `${label} ${placeholder}` : label;
    return `${required ? word : `[${word}]`}${many ? '...' : ''}`;
  });
  return ['espalier', command.name, ...words, '[--json]'].join(' ');
}
