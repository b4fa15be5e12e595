import type { Command } from '../../cli/command.js';
import type { Deps } from '../../cli/deps.js';
import type { Terminal } from '../../cli/render/renderer.js';
import { runCli } from '../../cli/runCli.js';
import { systemClock } from '../../common/clock.js';

/** What a command line printed and answered. */
export interface CliRun {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** A terminal that remembers: a pipe unless told otherwise. */
export function aTerminal(
  settings: Partial<Terminal> = {},
): Terminal & { readonly text: { out: string; err: string } } {
  const text = { out: '', err: '' };
  return {
    text,
    out: (piece) => {
      text.out += piece;
    },
    err: (piece) => {
      text.err += piece;
    },
    interactive: false,
    color: false,
    columns: 80,
    ...settings,
  };
}

/** Runs commands in this process. `prepare` says nothing unless given. */
export async function runInProcess(
  argv: readonly string[],
  {
    commands,
    deps = {},
    terminal = {},
  }: { commands: readonly Command[]; deps?: Partial<Deps>; terminal?: Partial<Terminal> },
): Promise<CliRun> {
  const screen = aTerminal(terminal);
  const exit = await runCli(argv, {
    commands,
    version: '1.2.3',
    terminal: screen,
    deps: {
      env: {},
      workingDirectory: '/nowhere',
      signal: new AbortController().signal,
      clock: systemClock,
      cacheDirectory: '/nowhere/cache',
      readStdin: async () => new Uint8Array(),
      prepare: async function* () {},
      ...deps,
    },
  });
  return { exit, ...screen.text };
}
