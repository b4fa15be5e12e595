/** One thing wrong with a manifest: where, which value, what is wrong with it, what to write instead. */
export interface Problem {
  /** `spec.data.train[0].source`; empty for the document itself. */
  readonly path: string;
  /** From 1; null where the value does not come from the file. */
  readonly line: number | null;
  readonly column: number | null;
  /** The `--set` argument that the value comes from. */
  readonly set: string | null;
  /** The offending value as YAML, shortened; null when it is missing. */
  readonly value: string | null;
  readonly what: string;
  readonly instead: string;
}

export type PathPart = string | number;

/** `spec.data.train[0].source`, `metadata.labels["a.b/c"]`. */
export const renderPath = (path: readonly PathPart[]): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!/^[A-Za-z_$][\w$-]*$/.test(part)) return `${text}[${JSON.stringify(part)}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');

/** `job.yaml:12:15 spec.training.epochs: 2.5 is not a whole number from 1 to 10000; write 2`. */
export function renderProblem(file: string, { path, line, column, set, value, what, instead }: Problem): string {
  const place = set !== null ? `--set ${set}` : line === null ? file : `${file}:${line}:${column}`;
  const subject = [path && `${path}:`, value].filter((part) => part).join(' ');
  return `${place} ${subject ? `${subject} ` : ''}${what}; ${instead}`;
}

/** A value as one line of YAML flow style, at most `most` characters. */
export function flow(value: unknown, most = 60): string {
  const text = flowText(value);
  return text.length <= most ? text : `${text.slice(0, most - 3)}...`;
}

function flowText(value: unknown): string {
  if (typeof value === 'string') return plainScalar(value) ? value : JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(flowText).join(', ')}]`;
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value).map(([key, item]) => `${flowText(key)}: ${flowText(item)}`);
    return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
  }
  return String(value);
}

/** Text that YAML reads back as the same string without quotes, in flow style too. */
const plainScalar = (text: string): boolean =>
  /^([A-Za-z./_~][^\s,[\]{}#"']*|[0-9]+[A-Za-z]+)$/.test(text) &&
  !text.endsWith(':') &&
  !/^(true|false|null|yes|no|on|off|y|n|~|\.inf|\.nan)$/i.test(text) &&
  !Number.isFinite(Number(text));
