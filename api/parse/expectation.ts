import { list } from '../errors/entry.js';
import type { SchemaNode } from '../jsonSchema.js';
import { nearest } from '../nearest.js';
import { flow } from '../problem.js';

/** What a field takes, in words: `a whole number from 1 to 1024`. */
export function expectation(node: SchemaNode): string {
  if (node.expected !== undefined) return node.expected;
  if (node.const !== undefined) return flow(node.const);
  if (node.enum) return node.enum.length === 1 ? node.enum[0]! : `one of ${either(node.enum)}`;
  switch (node.type) {
    case 'integer':
      return `a whole number${range(node)}`;
    case 'number':
      return `a number${range(node)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return 'a list';
    case 'object':
      return node.properties ? `a mapping of ${list(Object.keys(node.properties), 12)}` : 'a mapping';
    default:
      return node.maxLength ? `text of 1 to ${node.maxLength} characters` : 'text';
  }
}

const either = (words: readonly string[]): string => `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;

function range({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: SchemaNode): string {
  const below = exclusiveMaximum !== undefined ? `below ${exclusiveMaximum}` : undefined;
  if (exclusiveMinimum !== undefined) return ` above ${exclusiveMinimum} and ${below ?? `at most ${maximum}`}`;
  if (minimum === undefined) return '';
  return ` from ${minimum} to ${below ?? maximum}`;
}

/** A right value near `value`, as YAML: the same in the field's unit, type or bounds, else an example. */
export function suggestion(node: SchemaNode, value: unknown, field: string): string {
  return `write ${flow(converted(node, value, field) ?? example(node), 120)}`;
}

/** Something right to write into the field. */
export function example(node: SchemaNode): unknown {
  if (node.examples?.[0] !== undefined) return node.examples[0];
  if (node.default !== undefined && !isEmpty(node.default)) return node.default;
  if (node.const !== undefined) return node.const;
  if (node.enum) return node.enum[0];
  if (node.minimum !== undefined) return node.minimum;
  if (node.type === 'array' && node.items) return [example(node.items)];
  if (node.type === 'object') {
    const required = (node.required ?? []).map((key) => [key, example(node.properties![key]!)]);
    return Object.fromEntries(required);
  }
  return node.type === 'boolean' ? true : 'text';
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

function converted(node: SchemaNode, value: unknown, field: string): unknown {
  if (node.quantity) return quantity(value);
  if (node.enum && typeof value === 'string') return nearest(value, node.enum)[0];
  switch (node.type) {
    case 'integer':
    case 'number':
      return number(node, value, field);
    case 'boolean':
      return boolean(value);
    case 'string':
      return respelled(node, value);
    case 'array':
      return value === null || value === undefined ? undefined : wrapped(node.items, value, (item) => [item]);
    case 'object':
      return typeof value === 'string' ? (choice(node, value) ?? wrapped(node, value, (item) => item)) : undefined;
    default:
      return undefined;
  }
}

/** `cosine` where `{ type: cosine }` is meant. */
function choice(node: SchemaNode, value: string): unknown {
  const found = Object.entries(node.properties ?? {}).find(([, child]) => child.enum?.includes(value));
  return found && { [found[0]]: value };
}

/** `./model` where `{ source: ./model }` is meant: objects with one required text field. */
function wrapped(node: SchemaNode | undefined, value: unknown, around: (item: unknown) => unknown): unknown {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return around(value);
  if (Array.isArray(value)) return undefined;
  if (node?.type !== 'object') return around(value);
  const [only, ...others] = node.required ?? [];
  return only !== undefined && others.length === 0 && typeof value === 'string' ? around({ [only]: value }) : undefined;
}

const unitSeconds: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** `1h30m`, `90 min`, `2 days` in seconds; a unit counts by its first letter. */
export function durationSeconds(text: string): number | undefined {
  const compact = text.replace(/\s+/g, '').toLowerCase();
  const piece = /(\d+(?:\.\d+)?)(ms|w(?:eeks?)?|d(?:ays?)?|h(?:ours?|rs?)?|m(?:in(?:ute)?s?)?|s(?:ec(?:ond)?s?)?)/g;
  const pieces = [...compact.matchAll(piece)];
  if (pieces.length === 0 || pieces.map(([whole]) => whole).join('') !== compact) return undefined;
  return pieces.reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * unitSeconds[unit === 'ms' ? 'ms' : unit![0]!]!,
    0,
  );
}

function number(node: SchemaNode, value: unknown, field: string): number | undefined {
  const parsed = typeof value === 'number' ? value : typeof value === 'string' ? readNumber(value, field) : undefined;
  if (parsed === undefined || !Number.isFinite(parsed)) return undefined;
  const whole = node.type === 'integer' ? Math.round(parsed) : parsed;
  if (node.exclusiveMinimum !== undefined && whole <= node.exclusiveMinimum) return undefined;
  if (node.exclusiveMaximum !== undefined && whole >= node.exclusiveMaximum) return undefined;
  return Math.min(Math.max(whole, node.minimum ?? whole), node.maximum ?? whole);
}

function readNumber(text: string, field: string): number | undefined {
  const seconds = field.includes('Seconds') ? durationSeconds(text) : undefined;
  if (seconds !== undefined) return seconds;
  const percent = /^([\d.]+)\s*%$/.exec(text);
  if (percent) return Number(percent[1]) / 100;
  const power = /^(\d+)\s*(?:\*\*|\^)\s*(\d+)$/.exec(text);
  if (power) return Number(power[1]) ** Number(power[2]);
  const digits = text.replace(/(?<=\d)[_,](?=\d{3}(\D|$))/g, '');
  return digits.trim() === '' || Number.isNaN(Number(digits)) ? undefined : Number(digits);
}

function boolean(value: unknown): boolean | undefined {
  if (/^(yes|on|true|y|1)$/i.test(String(value))) return true;
  return /^(no|off|false|n|0)$/i.test(String(value)) ? false : undefined;
}

/** `4GB`, `4 gib` and 4294967296 as Kubernetes writes them. */
function quantity(value: unknown): string | undefined {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) {
    const unit = (['Gi', 'Mi', 'Ki'] as const).find((_, index) => value >= 1024 && value % 1024 ** (3 - index) === 0);
    const divisor = { Gi: 2 ** 30, Mi: 2 ** 20, Ki: 2 ** 10 };
    return unit ? `${value / divisor[unit]}${unit}` : String(value);
  }
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt])(i?)b?\s*$/i.exec(String(value));
  if (!match) return undefined;
  const prefix = match[3] || match[2]!.toLowerCase() !== 'k' ? match[2]!.toUpperCase() : 'k';
  return `${match[1]}${prefix}${match[3] ? 'i' : ''}`;
}

/** The same text as the field's pattern wants it: quoted, as a date, as a DNS label, with a scheme. */
function respelled(node: SchemaNode, value: unknown): string | undefined {
  if (typeof value === 'object' || value === undefined) return undefined;
  const text = String(value);
  const ymd = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})/.exec(text);
  const candidates = [
    text,
    ...(ymd ? [`${ymd[1]}-${ymd[2]!.padStart(2, '0')}-${ymd[3]!.padStart(2, '0')}`] : []),
    text
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .replace(/^-+|-+$/g, ''),
    `http://${text}`,
    text.trim(),
  ];
  const pattern = new RegExp(node.pattern ?? '');
  const fits = (candidate: string) =>
    pattern.test(candidate) && candidate.length >= (node.minLength ?? 0) && candidate.length <= (node.maxLength ?? 1e9);
  return node.pattern === undefined && typeof value === 'string' ? undefined : candidates.find(fits);
}
