import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { apiVersion, kind } from '../../api/fineTuneJob.js';
import { programUrl } from '../../common/programs.js';
import { writeTinyBase } from './tinyBase.js';

const main = fileURLToPath(programUrl('espalier'));

/** A folder with a tiny base, data and a job, where the real command line is run. */
export interface LocalPlace extends AsyncDisposable {
  readonly folder: string;
  path(name: string): string;
  /** Writes a file below the folder; objects as JSON. */
  write(name: string, content: string | Uint8Array | object): Promise<string>;
  /** Starts `espalier ... --json` in the folder, as a process. */
  start(argv: readonly string[], more?: StartOptions): CliProcess;
  run(argv: readonly string[], more?: StartOptions): Promise<CliEnd>;
}

export interface StartOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What is run instead of `node`, with `node` and its arguments appended. */
  readonly wrapper?: readonly string[];
}

export interface CliEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface CliEnd {
  readonly exit: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Objects of standard output, one per line. */
  readonly events: readonly CliEvent[];
  readonly last: CliEvent | undefined;
  readonly err: string;
}

export interface CliProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<CliEnd>;
  /** Resolves with the event when it is told; rejects when the process ends before. */
  until(wanted: (event: CliEvent) => boolean): Promise<CliEvent>;
}

export async function aLocalPlace(): Promise<LocalPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-local-'));
  const path = (name: string) => join(folder, name);
  const write = async (name: string, content: string | Uint8Array | object) => {
    const bytes = typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content);
    await mkdir(join(path(name), '..'), { recursive: true });
    await writeFile(path(name), bytes);
    return path(name);
  };
  await writeTinyBase(path('base'));
  await write('train.jsonl', rows(16));
  await write('job.json', aManifest());
  const start = (argv: readonly string[], options: StartOptions = {}) => startCli(argv, folder, options);
  return {
    folder,
    path,
    write,
    start,
    run: (argv, options) => start(argv, options).ended,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Rows of a language with rules: what follows a word can be learned. */
export const rows = (count: number): string =>
  Array.from({ length: count }, (_, i) => {
    const prompt = `item ${i} of the list`;
    return `${JSON.stringify({
      messages: [
        { role: 'user', content: prompt },
        { role: 'assistant', content: `the value is ${i * 3}` },
      ],
    })}\n`;
  }).join('');

/** The job of the place; `spec` replaces whole sections. */
export const aManifest = (spec: object = {}) => ({
  apiVersion,
  kind,
  metadata: { name: 'tiny' },
  spec: {
    base: { source: './base' },
    data: { train: [{ source: 'train.jsonl' }], maxTokens: 64, packing: false },
    method: { lora: { rank: 4, alpha: 8, targetModules: 'all-linear' } },
    training: { maxSteps: 30, batch: { sequences: 6, microBatch: 1 }, learningRate: 0.01 },
    workers: { replicas: 1, engines: 1 },
    checkpoint: { everySteps: 5 },
    output: { destination: './out' },
    ...spec,
  },
});

function startCli(argv: readonly string[], folder: string, { cwd, env, wrapper = [] }: StartOptions): CliProcess {
  const [command, ...words] = [...wrapper, process.execPath, '--enable-source-maps', main, ...argv, '--json'];
  const child = spawn(command!, words, {
    cwd: cwd ?? folder,
    env: { PATH: process.env.PATH!, HOME: folder, ESPALIER_CACHE: join(folder, 'cache'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let err = '';
  child.stderr!.on('data', (chunk) => {
    err += String(chunk);
  });
  const events: CliEvent[] = [];
  const waiting = new Set<() => void>();
  const wakeAll = () => {
    for (const wake of waiting) wake();
  };
  createInterface({ input: child.stdout! }).on('line', (line) => {
    events.push(JSON.parse(line) as CliEvent);
    wakeAll();
  });
  let over = false;
  const ended = once(child, 'close').then(([exit, signal]) => {
    over = true;
    wakeAll();
    return { exit, signal, events, last: events.at(-1), err } as CliEnd;
  });
  return {
    child,
    ended,
    until: (wanted) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const found = events.find(wanted);
          if (found) resolve(found);
          else if (over) reject(new Error(`the process ended: ${err}\n${JSON.stringify(events.at(-1))}`));
          else return;
          waiting.delete(look);
        };
        waiting.add(look);
        look();
      }),
  };
}

/** Pids of processes whose command line names something below a folder: workers of a run there, and its launcher. */
export async function processesOf(folder: string): Promise<readonly number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
  return pids.filter((_, index) => lines[index]!.includes(folder)).map(Number);
}
