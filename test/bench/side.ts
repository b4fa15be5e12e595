import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { packageRoot } from '../../common/root.js';

/**
 * One side of a comparison: a process that makes one optimizer step per line it reads and answers each with one line of
 * JSON. Between its steps it sleeps, so sides that take turns see the same machine.
 */
export interface Side {
  readonly name: string;
  /** What the process said when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Milliseconds from the start of the process until it was ready. */
  readonly readyMs: number;
  step(): Promise<StepTime>;
  /** So far. */
  peak(): Promise<PeakMemory>;
  close(): Promise<void>;
}

export interface StepTime {
  /** Wall time from asking to the answer: leaves, sum, clipping and AdamW. */
  readonly ms: number;
  /** Mean loss per supervised token before the step. */
  readonly loss: number;
}

export interface PeakMemory {
  /** The kernel's own high-water mark of resident pages, mapped files (the base) included: VmHWM. */
  readonly rssBytes: number;
  /** Pages of its own now, without files: what remains when the mapped base is not counted. */
  readonly anonymousBytes: number;
}

export interface SideCommand {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

export async function startSide({ name, command, args, env = {} }: SideCommand): Promise<Side> {
  const startedAt = performance.now();
  const child = spawn(command, args, {
    cwd: packageRoot(),
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const said = listen(child, name);
  const ready = await said();
  const readyMs = performance.now() - startedAt;
  return {
    name,
    ready,
    readyMs,
    async step() {
      const askedAt = performance.now();
      child.stdin!.write('step\n');
      const { loss } = await said();
      return { ms: performance.now() - askedAt, loss: loss as number };
    },
    peak: () => peakOf(child.pid!),
    async close() {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.stdin!.end();
      if (child.exitCode === null && child.signalCode === null) await ended;
    },
  };
}

/** The lines that a process says, one at a time; its end before the next one is an error with its last words. */
function listen(child: ChildProcess, name: string): () => Promise<Readonly<Record<string, unknown>>> {
  let complaint = '';
  child.stderr!.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4000);
  });
  child.stdin!.on('error', () => {});
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended: ${complaint}`);
    return JSON.parse(value) as Record<string, unknown>;
  };
}

async function peakOf(pid: number): Promise<PeakMemory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (field: string): number => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)![1]);
  return { rssBytes: kilobytes('VmHWM') * 1024, anonymousBytes: kilobytes('RssAnon') * 1024 };
}
