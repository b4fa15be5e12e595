import { argumentsOf, type Command, usage } from './command.js';

/** `espalier --help`. */
export function overview(commands: readonly Command[], version: string): string {
  const rows = commands.map(({ name, summary }) => [name, summary] as const);
  return [
    `espalier ${version}: fine-tunes adapters along frozen base weights, to the same bits for any number of workers`,
    '',
    'usage: espalier COMMAND ... [--json]',
    '',
    ...table(rows),
    '',
    'espalier COMMAND --help tells more. --json prints one object per line; the last is the result or the error.',
    'exit: 0 done, 2 wrong input, 3 something outside failed, 70 a fault of Espalier, 75 stopped early, 130 interrupted',
  ].join('\n');
}

/** `espalier COMMAND --help`. */
export function commandHelp(command: Command): string {
  const rows = argumentsOf(command).map(({ kind, label, placeholder, node, required }) => {
    const shown =
      node.default === undefined || node.default === false || isEmptyList(node.default) ? '' : ` (${node.default})`;
    const optional = required || kind === 'switch' ? '' : shown;
    return [kind === 'value' ? `${label} ${placeholder}` : label, `${node.description ?? ''}${optional}`] as const;
  });
  const all = [...rows, ['--json', 'print one JSON object per line instead of text'] as const];
  return [`usage: ${usage(command)}`, '', command.summary, '', ...table(all)].join('\n');
}

const isEmptyList = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}
