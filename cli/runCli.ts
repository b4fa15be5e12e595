import { EspalierError, fail } from '../api/errors.js';
import { nearest } from '../api/nearest.js';
import { type Command, readArguments } from './command.js';
import type { Deps } from './deps.js';
import { commandHelp, overview } from './help.js';
import { jsonRenderer } from './render/json.js';
import type { Renderer, Terminal } from './render/renderer.js';
import { textRenderer } from './render/text.js';

export interface CliOptions {
  readonly commands: readonly Command[];
  readonly version: string;
  readonly terminal: Terminal;
  readonly deps: Deps;
}

/** Runs one command line and answers with the exit code. */
export async function runCli(
  argv: readonly string[],
  { commands, version, terminal, deps }: CliOptions,
): Promise<number> {
  const { words, json, help, versionAsked } = globalFlags(argv);
  const renderer = json ? jsonRenderer(terminal) : textRenderer(terminal);
  try {
    if (versionAsked) return done(renderer, version);
    if (help && words.every((word) => word.startsWith('-'))) return done(renderer, overview(commands, version));
    const { command, rest } = find(commands, words);
    if (help) return done(renderer, commandHelp(command));
    const args = readArguments(command, rest);
    for await (const event of command.run(args, deps)) renderer.event(event);
    return 0;
  } catch (error) {
    const coded = toCoded(error, deps.signal);
    renderer.error(coded);
    return coded.exit;
  }
}

function done(renderer: Renderer, text: string): number {
  renderer.print(text);
  return 0;
}

/** `--json`, `--help` and `--version` may stand anywhere before `--`. */
function globalFlags(argv: readonly string[]) {
  const end = argv.indexOf('--');
  const before = end < 0 ? argv : argv.slice(0, end);
  const taken = (flag: string) => before.includes(flag);
  const words = argv.filter((word, index) => !(index < before.length && ['--json', '--help', '-h'].includes(word)));
  return {
    words,
    json: taken('--json'),
    help: taken('--help') || taken('-h'),
    versionAsked: words[0] === '--version',
  };
}

function find(commands: readonly Command[], words: readonly string[]): { command: Command; rest: readonly string[] } {
  for (const length of [2, 1]) {
    const command = commands.find(({ name }) => name === words.slice(0, length).join(' '));
    if (command) return { command, rest: words.slice(length) };
  }
  const written = words[0] ?? '';
  const names = commands.map(({ name }) => name);
  const group = names.filter((name) => name.startsWith(`${written} `));
  if (group.length > 0) {
    const next = words[1]?.startsWith('-') ? undefined : words[1];
    fail('CommandUnknown', { written: [written, next ?? ''].join(' ').trim(), nearest: group });
  }
  fail('CommandUnknown', { written, nearest: nearest(written, names) });
}

/** Every failure has a code: ours as it is, an abort by Ctrl-C as `Interrupted`, anything else as our own fault. */
function toCoded(error: unknown, signal: AbortSignal): EspalierError {
  if (error instanceof EspalierError) return error;
  const aborted =
    signal.aborted && (error === signal.reason || (error instanceof Error && error.name === 'AbortError'));
  if (aborted) return new EspalierError('Interrupted', { resume: null }, { cause: error }) as EspalierError;
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new EspalierError('Internal', { what }, { cause: error }) as EspalierError;
}
